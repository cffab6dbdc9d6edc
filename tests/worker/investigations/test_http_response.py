import ssl
from collections.abc import Callable

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED, TLS_ON_HTTP_URL
from shared.platform.http import HttpRequest
from shared.request.options import TlsOptions
from shared.steps import Scheme
from tests.certificates.crafted import Authority, self_signed
from tests.network.loopback import NAME, connected, endpoint, failure_to, said, soon
from tests.network.lossy import SMALL_MTU, lose_all_data, lose_large_packets
from tests.network.namespaces import in_own_network
from tests.network.servers import Peer, Script, always, hang_up_after_reading, hold, reply, serving
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, Exchange
from worker.http.response_reader import EMPTY_REPLY, HTTP2_ONLY, TRUNCATED
from worker.investigations.http_response import unanswered
from worker.investigations.investigator import Unexplained
from worker.tcp.causes import (
    ANSWER_LOST,
    CLOSED_WITHOUT_DATA,
    MTU_BLACKHOLE,
    UNACKNOWLEDGED,
)
from worker.tcp.connection import TlsClient
from worker.tcp.protocols import HTTP2_PREFACE
from worker.tls.trust import Trust

HELLO = HttpRequest("GET", "/")
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def look(
    *scripts: Script, is_secured: bool = False, tls: ssl.SSLContext | None = None
) -> Failed | None:
    """Return what a look at a platform that follows `scripts` tells of a request without answer."""
    is_secured = is_secured or tls is not None
    tls = tls or (self_signed(NAME).server_context() if is_secured else None)
    scheme: Scheme = "https" if is_secured else "http"
    with serving(*scripts, tls=tls) as server, connected(server.port) as connection:
        if is_secured:
            unchecked = Trust().context_for(TlsOptions(verify=False))
            connection.secure(TlsClient(unchecked, NAME), soon())
        exchange = Exchange(connection, endpoint(scheme=scheme))
        plain = failure_to(lambda: exchange.ask(HELLO, Deadline.after(0.3)))
        failed = unanswered(plain, exchange, HELLO)
        return failed.look(soon()) if isinstance(failed, Unexplained) else None


def close_at_once(_: Peer) -> None:
    """Accept, and close."""


def speaking_http_2(peer: Peer) -> None:
    """Answer to the preface of HTTP/2, and hang up on anything else."""
    if peer.read_some().startswith(HTTP2_PREFACE):
        peer.send(SETTINGS[:4])
        peer.send(SETTINGS[4:])
        peer.hold()


def shaking_hands(peer: Peer) -> None:
    """Shake hands, and be silent for whoever does not."""
    if peer.peek().startswith(b"\x16"):
        peer.shake_hands_rudely(self_signed(NAME).server_context())
    peer.hold()


def alerting(peer: Peer) -> None:
    """Refuse every handshake in TLS's own words, and hang up on everything else."""
    if peer.read_some().startswith(b"\x16"):
        peer.send(b"\x15\x03\x03\x00\x02\x02\x28")
        peer.hold()


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (shaking_hands, TLS_ON_HTTP_URL),
        (alerting, TLS_ON_HTTP_URL),
        (speaking_http_2, HTTP2_ONLY),
        (close_at_once, CLOSED_WITHOUT_DATA),
    ],
)
def test_another_way_of_asking_tells_why_there_was_no_answer(script: Script, cause: Cause) -> None:
    """To the caller they all look like a service that hangs up."""
    failed = look(script)

    assert failed
    assert failed.cause is cause


def test_the_plain_finding_contributes() -> None:
    """How the platform behaved towards the request that was made is still a fact."""
    failed = look(shaking_hands)

    assert failed
    assert [finding.cause for finding in failed.contributing] == [HEADER_TIMEOUT]


def of_a_loss(hello: HttpRequest, answer: bytes, lose: Callable[[int], None]) -> Failed:
    """Return what is said of a request without an answer, where packets are lost."""

    def act() -> Failed:
        with serving(always(answer)) as server, connected(server.port) as connection:
            lose(server.port)
            exchange = Exchange(connection, endpoint(scheme="http"))
            plain = failure_to(lambda: exchange.ask(hello, Deadline.after(0.7)))
            failed = unanswered(plain, exchange, hello)
            assert isinstance(failed, Unexplained)
            return failed.look(soon()) or failed

    return in_own_network(act, *SMALL_MTU)


LARGE = HttpRequest("GET", "/", headers={"X-Large": "x" * 3000})


@pytest.mark.parametrize(
    ("hello", "answer", "lose", "plain"),
    [
        (HELLO, reply(b"x" * 3000), lambda port: lose_large_packets(sent_by=port), ANSWER_LOST),
        (HELLO, reply(b"x" * 1300), lambda port: lose_large_packets(sent_by=port), HEADER_TIMEOUT),
        (LARGE, reply(), lambda port: lose_large_packets(sent_to=port), UNACKNOWLEDGED),
    ],
)
def test_a_path_for_small_packets_only_is_proven(
    hello: HttpRequest, answer: bytes, lose: Callable[[int], None], plain: Cause
) -> None:
    """The same request in small packets is answered, and in large ones it is not again."""
    failed = of_a_loss(hello, answer, lose)

    assert [finding.cause for finding in failed.findings] == [MTU_BLACKHOLE, plain]
    assert "in segments of 536 bytes" in said(failed)


def test_a_request_that_does_not_arrive_is_no_silence_of_the_platform() -> None:
    """Its log has nothing to look for."""
    assert of_a_loss(HELLO, reply(), lose_all_data).cause is UNACKNOWLEDGED


@pytest.mark.parametrize("script", [hold, hang_up_after_reading])
def test_where_no_other_way_has_an_answer_the_plain_cause_stands(script: Script) -> None:
    """A guess would send people to the wrong place."""
    assert look(script) is None


def test_http_2_over_tls_is_asked_for_over_tls() -> None:
    """The second look has to be like the first one."""
    failed = look(speaking_http_2, is_secured=True)

    assert failed
    assert failed.cause is HTTP2_ONLY
    assert [finding.cause for finding in failed.contributing] == [EMPTY_REPLY]


def test_a_cut_answer_is_not_looked_into() -> None:
    """It was HTTP, so the way of asking was right."""
    half = reply(b"whole")[:-3]

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(half)

    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint(scheme="http"))
        plain = failure_to(lambda: exchange.ask(HELLO, soon()))

        assert plain.cause is TRUNCATED
        assert unanswered(plain, exchange, HELLO) is plain


def asking(authority: Authority, mode: ssl.VerifyMode) -> ssl.SSLContext:
    """Return a server that asks for a client certificate, with TLS 1.3."""
    tls = authority.issue(NAME).server_context()
    tls.verify_mode = mode
    tls.load_verify_locations(cadata=authority.pem)
    return tls


def test_a_demand_for_a_client_certificate_is_told() -> None:
    """With TLS 1.3 it comes after a handshake that looks good (RFC 8446 4.4.2.4)."""
    failed = look(hold, hold, tls=asking(Authority(), ssl.CERT_REQUIRED))

    assert failed
    assert failed.cause is CLIENT_CERT_REQUIRED


def test_a_server_that_does_without_a_client_certificate_is_not_blamed_for_it() -> None:
    """It asks everybody; why it hung up is something else."""
    tls = asking(Authority(), ssl.CERT_OPTIONAL)
    failed = look(hang_up_after_reading, hold, hold, hold, tls=tls)

    assert failed is None or failed.cause is not CLIENT_CERT_REQUIRED
