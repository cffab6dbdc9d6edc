"""Know the connections that wait for their callers, and let one go when there are too many."""

import asyncio
import logging
from typing import Protocol

_log = logging.getLogger(__name__)

REPORT_S = 5.0  # between the first connection that was ended and the line that says how many were


class Waiting(Protocol):
    """A connection that has no unanswered request, or whose caller does not take the answer."""

    def give_way(self) -> None:
        """End, so that its file descriptor becomes free."""


class Crowd:
    """All connections; those that wait by the address that they come from, the longest first."""

    def __init__(self) -> None:
        self.count = 0
        """The connections that were accepted and are not closed."""
        self._waiting: dict[str, dict[Waiting, None]] = {}
        self._ended = 0

    def join(self, connection: Waiting, address: str) -> None:
        """Note that `connection` waits from now on."""
        self._waiting.setdefault(address, {})[connection] = None

    def leave(self, connection: Waiting, address: str) -> None:
        """Note that `connection` waits no longer."""
        found = self._waiting.get(address, {})
        found.pop(connection, None)
        if not found:
            self._waiting.pop(address, None)

    def thin(self) -> bool:
        """End a connection that waits, and return whether there was one.

        It is the oldest of the address that has most of them: a stranger who opens thousands ends
        his own, and neither a caller's nor those that a proxy keeps open.
        """
        address = max(self._waiting, key=lambda one: len(self._waiting[one]), default=None)
        if address is None:
            return False
        connection = next(iter(self._waiting[address]))
        self.leave(connection, address)
        connection.give_way()
        self.report()
        return True

    def report(self) -> None:
        """Count a connection that was ended; one line for all of them follows a little later."""
        if not self._ended:
            asyncio.get_running_loop().call_later(REPORT_S, self._tell)
        self._ended += 1

    def _tell(self) -> None:
        _log.warning("too many connections: ended=%d", self._ended)
        self._ended = 0
