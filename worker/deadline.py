"""Deadlines, and cancellation before them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic


class Cancellation:
    """Ends a job from another thread: its sockets are shut down, and it starts no new wait."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: set[socket.socket] = set()
        self.is_requested = False

    def request(self) -> None:
        """Wake every wait on the job's sockets with an end of stream or an error."""
        with self._lock:
            self.is_requested = True
            for opened in self._sockets:
                with suppress(OSError):  # it was never connected
                    # The base class's method: SSLSocket.shutdown would continue without encryption.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def watch(self, opened: socket.socket) -> None:
        """Shut the socket down when the job is cancelled.

        Raises:
            TimeoutError: the job has already been cancelled.
        """
        with self._lock:
            if self.is_requested:
                raise TimeoutError
            self._sockets.add(opened)

    def forget(self, closed: socket.socket) -> None:
        """Stop watching the socket."""
        with self._lock:
            self._sockets.discard(closed)


class Clock:
    """The time of one test in its own thread: it stands still while this service is waited for."""

    def __init__(self) -> None:
        self._stood_s = 0.0

    def now_s(self) -> float:
        """Return the monotonic time, without what it stood still."""
        return monotonic() - self._stood_s

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let no time pass during the block, in which the platform is not waited for.

        The store may be slow, or far away.
        """
        began_s = monotonic()
        try:
            yield
        finally:
            self._stood_s += monotonic() - began_s


@dataclass(slots=True)
class Deadline:
    """A point in the time of a test, and the point from which waiting is counted."""

    at_s: float
    since_s: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def after(cls, seconds: float, cancellation: Cancellation | None = None) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        now_s = monotonic()
        return cls(now_s + seconds, now_s, cancellation or Cancellation())

    def at_most(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now, counting from now."""
        now_s = self.clock.now_s()
        return Deadline(min(self.at_s, now_s + seconds), now_s, self.cancellation, self.clock)

    @property
    def left_s(self) -> float:
        """The seconds that are left, also where it was cancelled; less than zero once over."""
        return self.at_s - self.clock.now_s()

    @property
    def passed_s(self) -> float:
        """Seconds since the waiting began."""
        return self.clock.now_s() - self.since_s

    @property
    def waited_s(self) -> float:
        """Seconds since the waiting began, rounded to a tenth for texts."""
        return round(self.passed_s, 1)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.left_s <= 0 or self.cancellation.is_requested

    def remaining_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are left, so that a socket never has a timeout of zero.
        """
        left = self.left_s
        if left <= 0 or self.cancellation.is_requested:
            raise TimeoutError
        return left
