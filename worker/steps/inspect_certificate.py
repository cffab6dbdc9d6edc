"""Look at the certificates that a host shows, and judge them, without sending anything secret."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from worker.tls.chain import facts_of_each
from worker.tcp.connection import AddressRefusedError, Connection
from worker.deadline import Deadline
from worker.tls.handshake_messages import hear_flight

LOOK_S = 5.0

Explain = Callable[[Failed], Failed]
"""Looks into a failure, and returns it with the best cause that can be found."""


class Judge(Protocol):
    """Shakes hands as a test would; fails where it does not trust the certificate."""

    def __call__(self, connection: Connection, *, deadline: Deadline) -> Passed[Connection]:
        """Return the same connection, speaking TLS."""


def inspect_certificate(
    connection: Connection, server_name: str, judge: Judge, explain: Explain, deadline: Deadline
) -> Passed[None]:
    """Return what the host shows; a certificate that is not trusted is a warning here.

    The chain is heard over a second connection, within LOOK_S. `explain` finds all that is wrong
    with one that is not trusted.

    Raises:
        Failed: as `judge` does, where no certificate is to be had at all.
    """
    try:
        judge(connection, deadline=deadline)
    except Failed as plain:
        failed = explain(plain)
        chain = _chain_shown(connection, server_name, deadline)
        if not chain:
            raise failed from None
        return Passed(None, *_as_warnings(failed), **_facts(chain, trusted=False))
    return Passed(None, **_facts(_chain_shown(connection, server_name, deadline), trusted=True))


def _facts(chain: Sequence[bytes], *, trusted: bool) -> dict[str, Fact]:
    return {"trusted": trusted, **facts_of_each(chain)}


def _as_warnings(failed: Failed) -> Sequence[Finding]:
    """Return the findings of a test that would fail, as warnings of this one."""
    return [
        Finding(replace(found.cause, severity="warning"), found.facts) for found in failed.findings
    ]


def _chain_shown(connection: Connection, server_name: str, deadline: Deadline) -> Sequence[bytes]:
    """Return what is sent to anybody, however the handshake ends."""
    try:
        return hear_flight(connection.twin(), server_name, deadline.at_most(LOOK_S)).certificates
    except (OSError, AddressRefusedError):
        return ()
