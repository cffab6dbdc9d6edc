"""Read and judge the certificates that a host sends, without sending anything secret."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from worker.deadline import Deadline
from worker.tcp.connection import AddressRefusedError, Connection
from worker.tls.chain import facts_of_each
from worker.tls.handshake_messages import hear_flight

LOOK_S = 5.0

Explain = Callable[[Failed], Failed]
"""Investigates a failure, and returns it with the best cause found."""


class Judge(Protocol):
    """Performs the TLS handshake as a test does; fails if the certificate is not trusted."""

    def __call__(self, connection: Connection, *, deadline: Deadline) -> Passed[Connection]:
        """Return the same connection, now over TLS."""


def inspect_certificate(
    connection: Connection, server_name: str, judge: Judge, explain: Explain, deadline: Deadline
) -> Passed[None]:
    """Return the certificates of the host; one that is not trusted is only a warning here.

    The chain is the one that was judged. Only if the handshake failed before it, or for another
    reason, it is read over a second connection, within LOOK_S. `explain` finds everything that is
    wrong with a chain that is not trusted.

    Raises:
        Failed: as `judge` does, if the host sends no certificate at all.
    """
    try:
        judge(connection, deadline=deadline)
    except Failed as plain:
        failed = explain(plain)
        chain = connection.refused or _chain_shown(connection, server_name, deadline)
        if not chain:
            raise failed from None
        return Passed(None, *_as_warnings(failed), **_facts(chain, trusted=False))
    return Passed(None, **_facts(connection.certificates(), trusted=True))


def _facts(chain: Sequence[bytes], *, trusted: bool) -> dict[str, Fact]:
    return {"trusted": trusted, **facts_of_each(chain)}


def _as_warnings(failed: Failed) -> Sequence[Finding]:
    """Return the findings of a test that would fail, as warnings of this one."""
    return [
        Finding(replace(found.cause, severity="warning"), found.facts) for found in failed.findings
    ]


def _chain_shown(connection: Connection, server_name: str, deadline: Deadline) -> Sequence[bytes]:
    """Return the chain that the server sends, however the handshake ends."""
    try:
        return hear_flight(connection.twin(), server_name, deadline.at_most(LOOK_S)).certificates
    except (OSError, AddressRefusedError):
        return ()
