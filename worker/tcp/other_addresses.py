"""Try the other addresses of a name beside the test of the one that accepted the connection.

docs/decisions/0031-other-addresses.md says why it is done in this way.
"""

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic

from shared.diagnosis.outcomes import Fact, Facts, Failed, Finding
from shared.endpoint import Endpoint
from worker.deadline import Deadline
from worker.tcp.address_guard import AddressGuard, AddressRefusedError
from worker.tcp.address_verdicts import failure_of, warnings_of, what_others_did
from worker.tcp.connection import Connection, TargetAddress

LIMIT_S = 0.5
MOST_OTHERS = 8
"""How many addresses are tried beside the one that works; a name may have hundreds."""
MOST_UNDER_WAY = 64
"""How many are tried at once in this process, so that no test lacks a descriptor for them."""

KNOWN_FOR_S = 10
"""An address that has accepted is not connected to again for so long, by any test of this process.

Else each test of a batch would count at each address of the name, and its limit be reached early.
"""
MOST_KNOWN = 1024

Tell = Callable[[Sequence[Finding], Facts], None]
"""Receives the warnings, and what each address did."""


@contextmanager
def trying_others(
    connection: Connection,
    endpoint: Endpoint,
    addresses: Sequence[TargetAddress],
    guard: AddressGuard,
    deadline: Deadline,
    tell: Tell,
) -> Iterator[None]:
    """Connect to the other `addresses` while the block runs, and `tell` at its end what they did.

    Each is connected to once, if `guard` allows it, and closed as soon as it accepts; nothing is
    sent. The end of the block waits for answers until LIMIT_S after its beginning at the latest.
    If `connection` is to the only address, nothing is done at all.
    """
    if len(addresses) == 1:
        yield
        return
    known = {connection.target, *connection.failed_before}
    others = [address for address in dict.fromkeys(addresses) if address not in known]
    if not others or not hasattr(select, "epoll"):  # macOS has none
        yield
        return
    attempts = _Attempts(deadline.at_most(LIMIT_S), 2 * connection.path().rtt_ms / 1000)
    for other in others[:MOST_OTHERS]:
        attempts.begin(other, guard)
    try:
        yield
    finally:
        attempts.finish()
        failures = {**connection.failed_before, **attempts.failures(endpoint)}
        accepting = [connection.target, *attempts.accepting]
        untried = len(set(addresses)) - len(accepting) - len(failures)
        facts: dict[str, Fact] = {"untried_count": untried} if untried else {}
        warnings = [
            Finding(w.cause, {**w.facts, **facts}) for w in warnings_of(failures, accepting)
        ]
        shown = tuple(str(address.ip) for address in accepting)
        tell(warnings, {"accepting": shown, **what_others_did(failures), **facts})


@dataclass(slots=True, eq=False)
class _Attempt:
    """An attempt to connect to one address; `error` says how it failed, once it is over."""

    address: TargetAddress
    opened: socket.socket
    error: OSError | None = None
    over: Event = field(default_factory=Event)

    def look(self) -> None:
        """See whether the attempt is over, and close its socket then."""
        code = self.opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.ECONNRESET:  # it was accepted before: a SYN is refused in another way
            self.end()
        elif code:
            self.end(OSError(code, os.strerror(code)))
        else:
            with suppress(OSError):  # it is not connected yet
                self.opened.getpeername()
                self.end()

    def end(self, error: OSError | None = None) -> None:
        """Close the socket."""
        self.error = error
        self.opened.close()
        self.over.set()


class _Poller:
    """Ends the attempts of all tests of this process when they are answered, in one thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._epoll: select.epoll | None = None
        self._under_way: dict[int, _Attempt] = {}
        self._accepted_at_s: dict[TargetAddress, float] = {}

    def has_accepted(self, address: TargetAddress) -> bool:
        """Return whether `address` accepted a connection within KNOWN_FOR_S."""
        return monotonic() - self._accepted_at_s.get(address, -KNOWN_FOR_S) < KNOWN_FOR_S

    def remember(self, accepting: Sequence[TargetAddress]) -> None:
        """Remember that these addresses accept connections."""
        with self._lock:
            if len(self._accepted_at_s) > MOST_KNOWN:
                self._accepted_at_s.clear()
            self._accepted_at_s.update(dict.fromkeys(accepting, monotonic()))

    @property
    def has_room(self) -> bool:
        """Whether another attempt may begin."""
        return len(self._under_way) < MOST_UNDER_WAY

    def watch(self, attempt: _Attempt) -> None:
        """End `attempt` when its connection is accepted or fails."""
        with self._lock:
            if self._epoll is None:
                self._epoll = select.epoll()
                Thread(target=self._run, args=(self._epoll,), daemon=True).start()
            number = attempt.opened.fileno()
            self._under_way[number] = attempt
            self._epoll.register(number, select.EPOLLOUT | select.EPOLLET)

    def give_up(self, attempt: _Attempt) -> None:
        """End `attempt` as unanswered, unless it is over."""
        with self._lock:
            if not attempt.over.is_set():
                self._under_way.pop(attempt.opened.fileno(), None)
                attempt.end(TimeoutError())

    def _run(self, epoll: "select.epoll") -> None:
        while True:
            for number, _ in epoll.poll():
                with self._lock:
                    attempt = self._under_way.get(number)  # or of a socket that was opened since
                    if attempt:
                        attempt.look()
                        if attempt.over.is_set():
                            del self._under_way[number]


_POLLER = _Poller()


@dataclass(slots=True)
class _Attempts:
    """The attempts of one test; silence counts if they had the time of `round_trips_s` at least."""

    deadline: Deadline
    round_trips_s: float
    _made: list[_Attempt] = field(default_factory=list)
    _known: list[TargetAddress] = field(default_factory=list)
    _refused: dict[TargetAddress, AddressRefusedError] = field(default_factory=dict)

    def begin(self, address: TargetAddress, guard: AddressGuard) -> None:
        """Send the first packet to `address`, if that is allowed and there is room for it."""
        try:
            guard.uncounted().check(address.ip, address.port)
            if _POLLER.has_accepted(address):
                self._known.append(address)
                return
            guard.check(address.ip, address.port)
        except AddressRefusedError as error:
            self._refused[address] = error
            return
        if not _POLLER.has_room:
            return
        family = socket.AF_INET6 if address.ip.version == 6 else socket.AF_INET
        with suppress(OSError):  # without a descriptor it is not tried
            attempt = _Attempt(address, socket.socket(family, socket.SOCK_STREAM))
            attempt.opened.settimeout(0)
            code = attempt.opened.connect_ex((str(address.ip), address.port))
            if code == errno.EINPROGRESS:
                _POLLER.watch(attempt)
            else:
                attempt.end(OSError(code, os.strerror(code)) if code else None)
            self._made.append(attempt)

    def finish(self) -> None:
        """Wait for answers until the deadline, and end the attempts that have none."""
        for attempt in self._made:
            if not attempt.over.is_set() and not self.deadline.is_over:
                with suppress(TimeoutError):
                    attempt.over.wait(self.deadline.remaining_s())
            _POLLER.give_up(attempt)
        _POLLER.remember(self._accepted)

    @property
    def accepting(self) -> Sequence[TargetAddress]:
        """The addresses that have accepted a connection."""
        return [*self._known, *self._accepted]

    @property
    def _accepted(self) -> Sequence[TargetAddress]:
        return [attempt.address for attempt in self._made if attempt.error is None]

    def failures(self, endpoint: Endpoint) -> dict[TargetAddress, Failed]:
        """Return how the others failed; those that had too little time are left out."""
        waited_s = self.deadline.waited_s
        is_silence = waited_s >= LIMIT_S > self.round_trips_s
        errors: dict[TargetAddress, OSError | AddressRefusedError] = {**self._refused}
        for attempt in self._made:
            if attempt.error and (is_silence or not isinstance(attempt.error, TimeoutError)):
                errors[attempt.address] = attempt.error
        return {a: failure_of(endpoint, a, error, LIMIT_S) for a, error in errors.items()}
