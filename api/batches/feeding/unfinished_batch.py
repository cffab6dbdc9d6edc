"""The feeder's state of an unfinished batch."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.store.batches.batch import Batch, BatchState
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.letters import AT_WORK, WAITING


@dataclass(slots=True)
class UnfinishedBatch:
    """Its items that wait, that are being tested, and that wait for their busy target."""

    batch_id: str
    batch: Batch
    targets: Sequence[str]
    twins: Mapping[int, Sequence[int]]
    """Equal items by the one item that is tested for all of them."""
    waiting: deque[int]
    at_work: dict[str, int]
    """The indexes of the queued items by their job ids."""
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
        waiting = deque(n for n in own if state.letters[n] == WAITING)
        jobs = {job_id_of(batch_id, n): n for n in at_work}
        return cls(batch_id, state.batch, targets, twins, waiting, jobs)

    def indexes_of(self, index: int) -> Sequence[int]:
        """Return the item and the items that are equal to it."""
        return [index, *self.twins.get(index, ())]

    def next_items(self, busy: Counter[str], per_target: int) -> Iterator[int]:
        """Yield the items that may be tested now, and count their targets as busy.

        An item with a busy target is put off; a slow platform must not hold up the others.
        """
        while self.waiting:
            index = self.waiting.popleft()
            target = self.targets[index]
            if target and busy[target] >= per_target:
                self.put_off.setdefault(target, deque()).append(index)
                continue
            busy[target] += 1
            yield index

    def call_next(self, target: str) -> None:
        """Requeue an item that was put off because `target` was busy."""
        others = self.put_off.get(target)
        if others:
            self.waiting.appendleft(others.popleft())
            if not others:
                del self.put_off[target]

    def forget_waiting(self) -> None:
        """Hand out no more items."""
        self.waiting.clear()
        self.put_off.clear()

    @property
    def is_done(self) -> bool:
        """Whether no item is left."""
        return not (self.waiting or self.at_work or self.put_off)
