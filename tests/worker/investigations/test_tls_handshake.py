import ssl
from collections.abc import Callable, Iterator

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED
from shared.request.options import TlsOptions
from tests.certificates.crafted import Authority, self_signed
from tests.network.loopback import (
    LOOPBACK_ALLOWED,
    NAME,
    connected,
    endpoint,
    looked_into,
    loopback,
    said,
)
from tests.network.lossy import SMALL_MTU, lose_all_data, lose_large_packets
from tests.network.namespaces import in_own_network
from tests.network.servers import (
    Peer,
    Script,
    ScriptedServer,
    always,
    hang_up_after_reading,
    hold,
    reply,
    reset_after_reading,
    serving,
)
from worker.deadline import Deadline
from worker.investigations.tls_handshake import HandshakeLook
from worker.steps.tls_handshake import tls_handshake
from worker.tcp.causes import MTU_BLACKHOLE, UNACKNOWLEDGED
from worker.tcp.connection import Connection, fingerprint
from worker.tls.certificate_causes import (
    DEFAULT_VHOST_CERT,
    HOSTNAME_MISMATCH,
    NOT_TRUSTED,
    PIN_CHANGED,
    SELF_SIGNED,
)
from worker.tls.handshake_causes import (
    EOF_AFTER_HELLO,
    GM_SM_ONLY,
    HANDSHAKE_FAILED,
    HANDSHAKE_REFUSED,
    HANDSHAKE_TIMEOUT,
    NO_SHARED_CIPHER,
    OTHER_PROTOCOL_PORT,
    PLAIN_ANSWER,
    PLAIN_HTTP_PORT,
    RESET_AFTER_HELLO,
    SNI_FILTERED,
    TLS_VERSION_UNSUPPORTED,
    UNRECOGNIZED_NAME,
    WEAK_DH,
)
from worker.tls.trust import Trust


def look_at(server: ScriptedServer, host: str = NAME) -> HandshakeLook:
    connection = Connection(loopback(server.port), LOOPBACK_ALLOWED)
    return HandshakeLook(connection, endpoint(host), TlsOptions())


def explained(plain: Failed, *scripts: Script, host: str = NAME) -> Failed | None:
    """Return what a look makes of `plain` at a server that follows `scripts`."""
    with serving(*scripts) as server:
        return look_at(server, host).at_handshake(plain, Deadline.after(3))


def explained_by(plain: Failed, tls: ssl.SSLContext, host: str = NAME) -> Failed | None:
    """Return what a look makes of `plain` at a server with the context `tls`."""
    with serving(hold, tls=tls) as server:
        return look_at(server, host).at_handshake(plain, Deadline.after(3))


@pytest.fixture
def tls() -> ssl.SSLContext:
    """Give the context of a server for known.example."""
    return self_signed("known.example").server_context()


def refusing_names(tls: ssl.SSLContext, alert: int) -> ssl.SSLContext:
    tls.sni_callback = lambda _, name, __: alert if name else None
    return tls


def cutting_names(tls: ssl.SSLContext) -> Script:
    def script(peer: Peer) -> None:
        if NAME.encode() in peer.peek():
            peer.read_some()
            peer.reset()
        else:
            peer.shake_hands_rudely(tls)
            peer.hold()

    return script


@pytest.mark.parametrize("plain", [RESET_AFTER_HELLO, EOF_AFTER_HELLO])
def test_a_filter_of_names_is_found_by_leaving_the_name_out(
    tls: ssl.SSLContext, plain: Cause
) -> None:
    """It looks like a broken server from outside, and only the comparison tells."""
    found = explained(Failed(plain), cutting_names(tls))

    assert found is not None
    assert found.cause is SNI_FILTERED
    assert NAME in said(found)


@pytest.mark.parametrize("script", [reset_after_reading, hang_up_after_reading])
def test_who_cuts_every_hello_is_not_said_to_filter_names(script: Script) -> None:
    """There is nothing to compare then, and the plain cause stands."""
    assert explained(Failed(EOF_AFTER_HELLO), script) is None


def test_an_address_is_not_suspected_of_being_a_filtered_name(tls: ssl.SSLContext) -> None:
    """No name is sent for an address in the first place."""
    assert explained(Failed(RESET_AFTER_HELLO), reset_after_reading, host="10.0.0.7") is None


@pytest.mark.parametrize(("alert", "plain"), [(112, UNRECOGNIZED_NAME), (40, HANDSHAKE_REFUSED)])
def test_the_names_that_a_server_knows_are_told(
    tls: ssl.SSLContext, alert: int, plain: Cause
) -> None:
    """Networks of proxies refuse a name with alert 40, which has other reasons too."""
    found = explained_by(Failed(plain), refusing_names(tls, alert))

    assert found is not None
    assert found.cause is UNRECOGNIZED_NAME
    assert "known.example" in said(found)


def test_the_cipher_suite_that_a_server_has_is_told(tls: ssl.SSLContext) -> None:
    """It is what its administrator looks for in the configuration."""
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")

    found = explained_by(Failed(HANDSHAKE_REFUSED), tls)

    assert found is not None
    assert found.cause is NO_SHARED_CIPHER
    assert "ECDHE-ECDSA-AES128-SHA with TLSv1.2" in said(found)


def test_the_version_that_a_server_has_is_told(tls: ssl.SSLContext) -> None:
    """Some close instead of saying that they know none of ours."""
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1

    found = explained_by(Failed(EOF_AFTER_HELLO), tls)

    assert found is not None
    assert found.cause is TLS_VERSION_UNSUPPORTED
    assert "its best is TLSv1.1" in said(found)


def test_a_handshake_that_succeeds_at_the_second_look_blames_nothing(tls: ssl.SSLContext) -> None:
    """A server that is flaky has ciphers and versions enough."""
    found = explained_by(Failed(EOF_AFTER_HELLO), tls)

    assert found is not None
    assert found.cause is EOF_AFTER_HELLO
    assert explained_by(Failed(HANDSHAKE_REFUSED), tls) is None


def test_a_client_certificate_that_is_only_asked_for_is_not_blamed(tls: ssl.SSLContext) -> None:
    """It would have gone on without one."""
    tls.verify_mode = ssl.CERT_OPTIONAL

    found = explained_by(Failed(EOF_AFTER_HELLO), tls)

    assert found is not None
    assert found.cause is EOF_AFTER_HELLO


def test_a_demand_for_a_client_certificate_is_told_where_the_alert_has_other_reasons() -> None:
    """With TLS 1.2 it is the alert of a missing cipher suite."""
    ours = Authority()
    tls = ours.issue(NAME).server_context()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=ours.pem)

    found = explained_by(Failed(HANDSHAKE_REFUSED), tls)

    assert found is not None
    assert found.cause is CLIENT_CERT_REQUIRED


def tlcp(peer: Peer) -> None:
    """Answer hellos of TLCP, and turn others down."""
    if peer.read_some()[1:3] == b"\x01\x01":
        peer.send(b"\x16\x01\x01\x00\x2a\x02\x00\x00\x26\x01\x01")
        peer.hold()
    else:
        peer.send(b"\x15\x03\x03\x00\x02\x02\x28")


def test_a_server_of_national_suites_alone_is_told() -> None:
    """Its alert is the one of every server without a common suite."""
    found = explained(Failed(HANDSHAKE_REFUSED), tlcp)

    assert found is not None
    assert found.cause is GM_SM_ONLY


def test_the_number_of_an_alert_without_a_name_is_told(tls: ssl.SSLContext) -> None:
    """OpenSSL 3.0 has no reason for some of them."""
    tls.sni_callback = lambda *_: 113

    found = explained_by(Failed(HANDSHAKE_FAILED), tls)

    assert found is not None
    assert found.cause is HANDSHAKE_FAILED
    assert "alert 113" in said(found)


def test_a_port_that_is_closed_at_the_second_look_proves_nothing() -> None:
    """That it has no common suite would be a guess then."""
    with serving(hold) as server:
        server.stop_listening()
        look = look_at(server)

        assert look.at_handshake(Failed(HANDSHAKE_REFUSED), Deadline.after(3)) is None


def first_sending(content: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.send(content)
        peer.hold()

    return script


@pytest.mark.parametrize(
    ("content", "cause", "text"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", PLAIN_HTTP_PORT, "plain HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", PLAIN_ANSWER, "in plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", OTHER_PROTOCOL_PORT, "SSH"),
        (b"what is this\x1b[31m", OTHER_PROTOCOL_PORT, "what is this\N{REPLACEMENT CHARACTER}[31m"),
    ],
)
def test_the_first_bytes_of_a_port_without_tls_are_told(
    content: bytes, cause: Cause, text: str
) -> None:
    """They are the proof, made safe to show."""
    found = explained(Failed(OTHER_PROTOCOL_PORT), first_sending(content))

    assert found is not None
    assert found.cause is cause
    assert text in said(found)


def test_a_slow_port_that_speaks_tls_is_not_said_to_speak_something_else() -> None:
    """The beginning of a TLS record is no proof of another protocol."""
    slow = Failed(HANDSHAKE_TIMEOUT, waited_s=5.0)

    found = explained(slow, first_sending(b"\x15\x03\x01\x00\x02"), host="10.0.0.7")

    assert found is not None
    assert found.cause is HANDSHAKE_TIMEOUT


def test_what_is_clear_is_not_looked_at_again() -> None:
    """Every look is a connection to somebody else's machine."""
    with serving(hold) as server:
        assert look_at(server).at_handshake(Failed(WEAK_DH), Deadline.after(3)) is None

        assert server.count_connections() == 0


def by_name(tls: ssl.SSLContext, chosen: ssl.SSLContext) -> Iterator[ScriptedServer]:
    def choose(asked: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            asked.context = chosen

    tls.sni_callback = choose
    with serving(hold, tls=tls) as server:
        yield server


def test_a_certificate_that_was_chosen_by_name_is_told_beside_the_wrong_name() -> None:
    """Somebody has set up names there, and forgot this one."""
    ours = Authority()
    default, other = ours.issue(common_name="default"), ours.issue("other.example")
    plain = Failed(HOSTNAME_MISMATCH, verify_code=62)
    for server in by_name(default.server_context(), other.server_context()):
        found = look_at(server).at_certificates(plain, Deadline.after(3))

    assert found is not None
    assert [finding.cause for finding in found.findings] == [HOSTNAME_MISMATCH, DEFAULT_VHOST_CERT]


def test_the_faults_stay_where_there_is_no_further_look(tls: ssl.SSLContext) -> None:
    """The comparison without a name is one more connection, which may not be had."""

    def once(peer: Peer) -> None:
        peer.server.stop_listening()
        peer.shake_hands_rudely(tls)
        peer.hold()

    plain = Failed(HOSTNAME_MISMATCH, verify_code=62)
    with serving(once) as server:
        found = look_at(server).at_certificates(plain, Deadline.after(3))

    assert found is not None
    assert [finding.cause for finding in found.findings] == [HOSTNAME_MISMATCH]
    assert "known.example" in said(found)


def test_openssls_verdict_stays_first_where_the_chain_shows_no_reason_for_it() -> None:
    """Behind a load balancer the second look may meet another certificate."""
    plain = Failed(NOT_TRUSTED, verify_code=12)
    issued = self_signed("other.example")
    with serving(hold, tls=issued.server_context()) as server:
        found = look_at(server).at_certificates(plain, Deadline.after(3))

    assert found is not None
    assert [finding.cause for finding in found.findings] == [NOT_TRUSTED, HOSTNAME_MISMATCH]
    assert found.finding.facts["verify_code"] == 12


def test_whose_the_new_certificate_is_is_told_if_it_is_the_same_one() -> None:
    """Who has to decide between a renewal and an attack wants to see its issuer and dates."""
    issued = Authority("Ours").issue(NAME)
    with serving(hold, tls=issued.server_context()) as server:
        look = look_at(server)
        same = Failed(PIN_CHANGED, sha256=fingerprint(issued.der), pinned_sha256="ab" * 32)
        other = Failed(PIN_CHANGED, sha256="cd" * 32, pinned_sha256="ab" * 32)

        found = look.at_new_certificate(same, Deadline.after(3))
        assert look.at_new_certificate(other, Deadline.after(3)) is None

    assert found is not None
    assert "Ours issued the new one" in said(found)


def test_a_self_signed_certificate_is_looked_at_once() -> None:
    """One connection is enough for its faults; without SNI nothing would change for an address."""
    with serving(hold, tls=self_signed("10.0.0.7").server_context()) as server:
        plain = Failed(SELF_SIGNED, verify_code=18)
        found = look_at(server, "10.0.0.7").at_certificates(plain, Deadline.after(3))

        assert server.count_connections() == 1
    assert found is not None
    assert found.cause is SELF_SIGNED


MANY_NAMES = tuple(f"node-{number}.example.com" for number in range(60))


def of_a_timeout(tls: ssl.SSLContext | None, lose: Callable[[int], None]) -> Failed:
    """Return what is said of a handshake that took too long, where packets are lost."""

    def act() -> Failed:
        with serving(hold, tls=tls) as server, connected(server.port) as connection:
            lose(server.port)
            client, trust, limit = TlsOptions(verify=False), Trust(), Deadline.after(0.6)
            return looked_into(lambda: tls_handshake(connection, endpoint(), client, trust, limit))

    return in_own_network(act, *SMALL_MTU)


def test_a_path_that_loses_large_packets_is_proven_with_small_ones() -> None:
    """Its usual victim is the certificate; plain HTTP gets through, and is no remedy."""
    tls = self_signed(NAME, *MANY_NAMES).server_context()
    failed = of_a_timeout(tls, lambda port: lose_large_packets(sent_by=port))

    assert failed.cause is MTU_BLACKHOLE
    assert failed.finding.facts["segment_bytes"] == 536
    assert "http://" not in said(failed)


def test_a_hello_that_is_not_acknowledged_has_not_arrived() -> None:
    """Nobody looks into the platform's TLS for a firewall on the way."""
    failed = of_a_timeout(self_signed(NAME).server_context(), lose_all_data)

    assert failed.cause is UNACKNOWLEDGED


def test_a_hello_that_is_acknowledged_and_not_answered_has_arrived() -> None:
    """The path is right then, and the platform or what stands before it is silent."""
    failed = of_a_timeout(None, lambda _: None)

    assert failed.cause is HANDSHAKE_TIMEOUT
    assert int(str(failed.finding.facts["acknowledged_bytes"])) > 100
    assert "although it acknowledged" in said(failed)


def test_that_https_is_expected_in_plain_http_is_not_plain_http() -> None:
    """It is the answer to a request of our own, which no caller has made."""

    def script(peer: Peer) -> None:
        if peer.peek().startswith(b"\x16"):
            peer.hold()
        always(reply(b"The plain HTTP request was sent to HTTPS port", status="400 Bad"))(peer)

    found = explained(Failed(HANDSHAKE_TIMEOUT, waited_s=5.0), script)

    assert found is not None
    assert found.cause is HANDSHAKE_TIMEOUT
    assert "http://" not in said(found)


def test_a_reset_that_does_not_repeat_is_no_filter_of_names(tls: ssl.SSLContext) -> None:
    """A filter cuts each connection with the name, and none without it."""

    def reset(peer: Peer) -> None:
        peer.read_some()
        peer.reset()

    def shake_hands(peer: Peer) -> None:
        peer.shake_hands_rudely(tls)
        peer.hold()

    once = explained(Failed(RESET_AFTER_HELLO), reset, shake_hands, shake_hands)
    at_times = explained(Failed(RESET_AFTER_HELLO), reset, shake_hands, reset, reset)

    assert once is None
    assert at_times is None


def test_a_handshake_that_succeeds_later_is_told() -> None:
    """Whoever looks for the fault must know that it is not always there."""
    found = explained_by(Failed(RESET_AFTER_HELLO), self_signed(NAME).server_context())

    assert found is not None
    assert "1 handshake after it succeeded" in said(found)


def test_a_reset_after_the_answer_began_is_no_filter_of_names(tls: ssl.SSLContext) -> None:
    """A filter decides by the first packet of ours."""
    suite, renegotiation = b"\x00\x13\x01\x00", b"\x00\x05\xff\x01\x00\x01\x00"
    body = b"\x03\x03" + bytes(32) + suite + renegotiation
    hello = b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d" + body

    def begin(peer: Peer) -> None:
        if NAME.encode() in peer.peek():
            peer.read_some()
            peer.send(hello)
            peer.reset()
        else:
            peer.shake_hands_rudely(tls)
            peer.hold()

    found = explained(Failed(RESET_AFTER_HELLO), begin)

    assert found is None
