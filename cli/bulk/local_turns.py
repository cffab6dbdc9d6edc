"""Hand out work to this process's threads, with a limit on the concurrent work of each target.

These threads have nothing else to do and wait for their turn. A worker must not wait: there the job
stands in line in Redis, see shared/store/limits/target_limit.py.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class LocalTurns(Generic[T]):
    """Waiting work in a line for each target; slow targets don't hold up the others."""

    def __init__(self, work: Iterable[tuple[str, T]], per_target: int) -> None:
        self._per_target = per_target
        self._changed = Condition()
        self._lines: defaultdict[str, deque[T]] = defaultdict(deque)
        self._busy: Counter[str] = Counter()
        for target, one in work:
            self._lines[target].append(one)
        self._ready = deque(self._lines)
        """The targets, each once, whose next piece of work may begin now."""

    def take(self) -> tuple[str, T] | None:
        """Return the next piece of work with its target; None when none is left."""
        with self._changed:
            while not self._ready and self._lines:
                self._changed.wait()
            if not self._ready:
                return None
            target = self._ready.popleft()
            one = self._lines[target].popleft()
            self._busy[target] += 1
            if not self._lines[target]:
                del self._lines[target]
                if not self._lines:  # the waiting threads can end
                    self._changed.notify_all()
            elif self._busy[target] < self._per_target:
                self._ready.append(target)
                self._changed.notify()
            return target, one

    def give_back(self, target: str) -> None:
        """Release a turn, so that the next in the target's line can have it."""
        with self._changed:
            self._busy[target] -= 1
            if target in self._lines and target not in self._ready:
                self._ready.append(target)
                self._changed.notify()

    def end(self) -> None:
        """Hand out no more work."""
        with self._changed:
            self._lines.clear()
            self._ready.clear()
            self._changed.notify_all()
