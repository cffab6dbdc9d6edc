"""The feeder's state of an unfinished batch."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import Batch, BatchState
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.item_target import site_of, target_of
from shared.store.batches.letters import AT_WORK, WAITING


@dataclass(slots=True)
class UnfinishedBatch:
    """Its items that wait, that are being tested, and that wait for their busy target."""

    batch_id: str
    batch: Batch
    targets: Sequence[str]
    """The turn of each item, as `item_target` writes it."""
    twins: Mapping[int, Sequence[int]]
    """Equal items by the one item that is tested for all of them."""
    waiting_at: dict[str, deque[int]]
    """By site; one at which nothing waits is left out."""
    at_work: dict[str, int]
    """The indexes of the queued items by their job ids."""
    sites: frozenset[str]
    """Those of its items."""
    put_off: dict[str, deque[int]] = field(default_factory=dict)
    is_gone: bool = False
    """Whether its items are no longer in the store."""

    @classmethod
    def of(
        cls,
        batch_id: str,
        state: BatchState,
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
    ) -> "UnfinishedBatch":
        """Return the batch in its state in the store."""
        followers = {index for equal in twins.values() for index in equal}
        own = [n for n in range(len(state.letters)) if n not in followers]
        at_work = [n for n in own if state.letters[n] == AT_WORK]
        waiting: dict[str, deque[int]] = {}
        for n in own:
            if state.letters[n] == WAITING:
                waiting.setdefault(site_of(targets[n]), deque()).append(n)
        jobs = {job_id_of(batch_id, n): n for n in at_work}
        sites = frozenset(map(site_of, {*targets}))
        return cls(batch_id, state.batch, targets, twins, waiting, jobs, sites)

    def indexes_of(self, index: int) -> Sequence[int]:
        """Return the item and the items that are equal to it."""
        return [index, *self.twins.get(index, ())]

    def site_of(self, index: int) -> str:
        """Return the site of an item."""
        return site_of(self.targets[index])

    def next_items(
        self, busy: Counter[str], per_target: int, site: str = DEFAULT_SITE
    ) -> Iterator[int]:
        """Yield the items that may be tested now at a site, and count their targets as busy.

        An item with a busy target is put off; a slow platform must not hold up the others.
        """
        while waiting := self.waiting_at.get(site):
            index = waiting.popleft()
            if not waiting:
                del self.waiting_at[site]
            turn = self.targets[index]
            if target_of(turn) and busy[turn] >= per_target:
                self.put_off.setdefault(turn, deque()).append(index)
                continue
            busy[turn] += 1
            yield index

    def call_next(self, turn: str) -> None:
        """Requeue an item that was put off because its target was busy."""
        others = self.put_off.get(turn)
        if others:
            self.waiting_at.setdefault(site_of(turn), deque()).appendleft(others.popleft())
            if not others:
                del self.put_off[turn]

    def forget_waiting(self) -> None:
        """Hand out no more items."""
        self.waiting_at.clear()
        self.put_off.clear()

    @property
    def is_done(self) -> bool:
        """Whether no item is left."""
        return not (self.waiting_at or self.at_work or self.put_off)
