"""What the feeder knows of a batch whose items are not all done."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.store.batches.batch_keys import AT_WORK, WAITING, job_id_of
from shared.batch_store import Batch, BatchState


@dataclass(slots=True)
class OpenBatch:
    """Which items wait, which are at work, and which are put off for others of their target."""

    batch_id: str
    batch: Batch
    targets: Sequence[str]
    twins: Mapping[int, Sequence[int]]
    """Items by the equal one that is tested for all of them."""
    waiting: deque[int]
    at_work: dict[str, int]
    """The indexes of the items that were handed to the queue, by their jobs."""
    put_off: dict[str, deque[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        batch_id: str,
        state: BatchState,
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
    ) -> "OpenBatch":
        """Return the batch as it stands in the store."""
        followers = {index for equal in twins.values() for index in equal}
        own = [n for n in range(len(state.letters)) if n not in followers]
        at_work = [n for n in own if state.letters[n : n + 1] == AT_WORK]
        waiting = deque(n for n in own if state.letters[n : n + 1] == WAITING)
        jobs = {job_id_of(batch_id, n): n for n in at_work}
        return cls(batch_id, state.batch, targets, twins, waiting, jobs)

    def indexes_of(self, index: int) -> Sequence[int]:
        """Return the item and those that are equal to it."""
        return [index, *self.twins.get(index, ())]

    def next_items(self, busy: Counter[str], per_target: int) -> Iterator[int]:
        """Give the items that may be tested now, and count their targets as busy.

        An item whose target is busy is put off; a slow platform must not hold up the others.
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
        """Let an item go on that was put off for `target`."""
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
