"""A point in time by which something has to be over, and the way to end it before."""

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic


class Cancellation:
    """Ends a job from another thread: its sockets are shut down, and no wait begins any more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: set[socket.socket] = set()
        self.is_requested = False

    def request(self) -> None:
        """Wake whoever waits on one of the job's sockets, with an end of stream or an error."""
        with self._lock:
            self.is_requested = True
            for opened in self._sockets:
                with suppress(OSError):  # it was never connected
                    # The base class's: SSLSocket.shutdown would go on without encryption.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def watch(self, opened: socket.socket) -> None:
        """Have the socket shut down when the job is cancelled.

        Raises:
            TimeoutError: it is cancelled already.
        """
        with self._lock:
            if self.is_requested:
                raise TimeoutError
            self._sockets.add(opened)

    def forget(self, closed: socket.socket) -> None:
        """Watch the socket no longer."""
        with self._lock:
            self._sockets.discard(closed)


@dataclass(slots=True)
class Deadline:
    """A point on the monotonic clock, and the one from which the waiting counts."""

    at_s: float
    since_s: float
    cancellation: Cancellation = field(default_factory=Cancellation)

    @classmethod
    def after(cls, seconds: float, cancellation: Cancellation | None = None) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        now_s = monotonic()
        return cls(now_s + seconds, now_s, cancellation or Cancellation())

    def at_most(self, seconds: float) -> "Deadline":
        """Return the nearer one of this deadline and `seconds` from now, counting from now."""
        now_s = monotonic()
        return Deadline(min(self.at_s, now_s + seconds), now_s, self.cancellation)

    def postpone(self, seconds: float) -> None:
        """Put the deadline off by time that was not the platform's."""
        self.at_s += seconds

    @property
    def waited_s(self) -> float:
        """Seconds since the waiting began, to a tenth: what a sentence can say."""
        return round(monotonic() - self.since_s, 1)

    @property
    def is_over(self) -> bool:
        """Whether nothing may be waited for any more."""
        return self.at_s <= monotonic() or self.cancellation.is_requested

    def remaining_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are, so that a socket never waits with a timeout of zero or none.
        """
        left = self.at_s - monotonic()
        if left <= 0 or self.cancellation.is_requested:
            raise TimeoutError
        return left
