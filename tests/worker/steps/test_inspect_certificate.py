from functools import partial

import pytest

from shared.diagnosis.outcomes import Failed, Passed
from shared.request.options import TlsOptions
from tests.certificates.crafted import Authority, Issued, self_signed
from tests.network.loopback import NAME, connected, endpoint, failure_to, soon
from tests.network.servers import Peer, hold, serving
from worker.deadline import Cancellation
from worker.investigations.investigator import Investigator
from worker.steps.inspect_certificate import inspect_certificate
from worker.steps.tls_handshake import tls_handshake
from worker.tcp.connection import fingerprint
from worker.tls.certificate_causes import HOSTNAME_MISMATCH, PRIVATE_CA, SELF_SIGNED
from worker.tls.chain import MOST_READ
from worker.tls.handshake_causes import PLAIN_HTTP_PORT
from worker.tls.trust import Trust

TRUST = Trust()


def inspect(
    issued: Issued, *, trusting: str | None = None, host: str = NAME, der: bytes | None = None
) -> Passed[None]:
    with serving(hold, hold, tls=issued.server_context(der)) as server:
        return look(server.port, trusting, host)


def look(port: int, trusting: str | None = None, host: str = NAME) -> Passed[None]:
    tls = TlsOptions(ca_certificate=trusting)
    judge = partial(tls_handshake, endpoint=endpoint(host), tls=tls, trust=TRUST)
    with connected(port) as connection:
        return inspect_certificate(connection, host, judge, explain, soon())


def explain(failed: Failed) -> Failed:
    """Look into a failure, as the worker does."""
    return Investigator(budget_s=3)("tls_handshake", failed, Cancellation())


def test_a_trusted_certificate_is_shown_with_its_chain() -> None:
    """Names, dates, key and SHA-256 are what a person compares."""
    root = Authority("Root")
    between = Authority("Between", above=root)
    leaf = between.issue(NAME, "10.0.0.1")
    issued = Issued(leaf.certificate, leaf.key, [between.certificate])

    passed = inspect(issued, trusting=root.pem)

    assert passed.warnings == ()
    assert passed.facts["trusted"] is True
    assert passed.facts["certificates"] == 2
    assert passed.facts["0.sha256"] == fingerprint(leaf.der)
    assert passed.facts["0.names"] == (NAME, "10.0.0.1")
    assert (passed.facts["0.key_type"], passed.facts["0.key_bits"]) == ("ECDSA", 256)
    assert passed.facts["0.signature_hash"] == "sha256"
    assert passed.facts["0.not_after"] == leaf.certificate.not_valid_after_utc.isoformat()
    assert (passed.facts["1.subject"], passed.facts["1.issuer"]) == ("Between", "Root")


@pytest.mark.parametrize(
    ("issued", "host", "cause"),
    [
        (self_signed(NAME), NAME, SELF_SIGNED),
        (Authority().issue(NAME), NAME, PRIVATE_CA),
    ],
)
def test_one_that_is_not_trusted_is_shown_as_well_and_said_to_be(
    issued: Issued, host: str, cause: object
) -> None:
    """It is the one that somebody wants to look at before he pins it."""
    passed = inspect(issued, host=host)

    assert passed.facts["trusted"] is False
    assert passed.facts["0.sha256"] == fingerprint(issued.der)
    (warning,) = passed.warnings
    assert warning.cause.code == getattr(cause, "code", "")
    assert warning.cause.severity == "warning"


def test_the_verdict_is_the_one_that_a_test_would_come_to() -> None:
    """A name that is not the certificate's is no matter of trust alone."""
    authority = Authority()

    passed = inspect(authority.issue("other.example.com"), trusting=authority.pem)

    assert passed.warnings[0].cause.code == HOSTNAME_MISMATCH.code


def test_no_more_certificates_are_read_than_anybody_looks_at() -> None:
    """A hundred of them fit into a handshake; each costs time and room."""
    leaf = self_signed(NAME)
    others = [Authority(f"A{n}").certificate for n in range(2 * MOST_READ)]

    passed = inspect(Issued(leaf.certificate, leaf.key, others))

    assert passed.facts["certificates"] == 2 * MOST_READ + 1
    assert f"{MOST_READ - 1}.sha256" in passed.facts
    assert f"{MOST_READ}.sha256" not in passed.facts


def test_where_no_certificate_is_to_be_had_the_look_fails_as_a_test_would() -> None:
    """Plain HTTP has none."""

    def refuse(peer: Peer) -> None:
        peer.read_some()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(refuse) as server:
        failed = failure_to(lambda: look(server.port))

    assert failed.cause is PLAIN_HTTP_PORT


def test_nothing_is_sent_over_any_connection() -> None:
    """Until the certificate is known, it is unknown who would read it."""
    with serving(Peer.hold, tls=self_signed(NAME).server_context()) as server:
        look(server.port)

    # A peer that was left with its session tickets unread may see a reset instead of the end.
    assert {bytes(peer.received) for peer in server.peers} == {b""}
