"""Hand out work to threads so that no target is at work more often than it may."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Work that waits, a line for each target; slow targets don't hold up the others."""

    def __init__(self, work: Iterable[tuple[str, T]], per_target: int) -> None:
        self._per_target = per_target
        self._changed = Condition()
        self._lines: defaultdict[str, deque[T]] = defaultdict(deque)
        self._busy: Counter[str] = Counter()
        for target, one in work:
            self._lines[target].append(one)
        self._ready = deque(self._lines)
        """Targets that have work and may have more of it at once, each once."""

    def take(self) -> tuple[str, T] | None:
        """Return the next piece of work with its target, None when none is left to begin."""
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
                if not self._lines:  # whoever waits need not wait any more
                    self._changed.notify_all()
            elif self._busy[target] < self._per_target:
                self._ready.append(target)
                self._changed.notify()
            return target, one

    def give_back(self, target: str) -> None:
        """Let the next of the target's line have its turn."""
        with self._changed:
            self._busy[target] -= 1
            if target in self._lines and target not in self._ready:
                self._ready.append(target)
                self._changed.notify()

    def end(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._lines.clear()
            self._ready.clear()
            self._changed.notify_all()
