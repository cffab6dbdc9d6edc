import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED
from shared.request.options import TlsOptions
from tests.certificates.crafted import (
    A_DAY,
    NOW,
    Authority,
    Issued,
    Validity,
    forbidden_certificate,
    of_version_6,
    self_signed,
    weak_key,
)
from tests.network.loopback import NAME, connected, endpoint, failure_to, said, soon
from tests.network.servers import (
    Peer,
    Script,
    ScriptedServer,
    answering,
    hang_up_after_reading,
    hold,
    reply,
    reset_after_reading,
    serving,
)
from worker.deadline import Cancellation, Deadline
from worker.investigations.investigator import Investigator
from worker.steps.tls_handshake import HANDSHAKE_S, IDENTITY_UNCHECKED, tls_handshake
from worker.tcp.connection import Connection, fingerprint
from worker.tls.certificate_causes import (
    CHAIN_EXPIRED,
    CN_ONLY,
    EXPIRED,
    HOSTNAME_MISMATCH,
    INCOMPLETE_CHAIN,
    IP_NOT_IN_SAN,
    NOT_YET_VALID,
    PIN_CHANGED,
    PRIVATE_CA,
    SELF_SIGNED,
    WEAK_KEY_OR_HASH,
    WRONG_EKU,
)
from worker.tls.handshake_causes import (
    ALPN_MISMATCH,
    EOF_AFTER_HELLO,
    HANDSHAKE_FAILED,
    HANDSHAKE_TIMEOUT,
    NO_SHARED_CIPHER,
    OTHER_PROTOCOL_PORT,
    PLAIN_HTTP_PORT,
    RESET_AFTER_HELLO,
    TLS_VERSION_UNSUPPORTED,
    UNRECOGNIZED_NAME,
)
from worker.tls.trust import Trust

TRUST = Trust()
DAY_S = 86_400
INVESTIGATE = Investigator(budget_s=3.0)
EXPIRED_TEN_DAYS_AGO = Validity(not_after=NOW - 10 * A_DAY - timedelta(hours=1))
FROM_TOMORROW = Validity(not_before=NOW + A_DAY)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give the authority that a caller would name as options.tls.caCertificate."""
    return Authority()


def trusting(authority: Authority) -> TlsOptions:
    return TlsOptions(ca_certificate=authority.pem)


def shake_hands(
    server: ScriptedServer,
    options: TlsOptions,
    host: str = NAME,
    deadline: Deadline | None = None,
) -> Passed[Connection]:
    with connected(server.port) as connection:
        return tls_handshake(connection, endpoint(host), options, TRUST, deadline or soon())


def outcome(issued: Issued, options: TlsOptions, host: str = NAME) -> Passed[Connection]:
    with serving(hold, tls=issued.server_context()) as server:
        return shake_hands(server, options, host)


def explained_failure_to(action: Callable[[], object]) -> Failed:
    """Return how `action` fails, with what the investigation makes of it."""
    explained = INVESTIGATE("tls_handshake", failure_to(action), Cancellation())
    said(explained)
    return explained


def failure(issued: Issued, options: TlsOptions, host: str = NAME) -> Failed:
    with serving(hold, tls=issued.server_context()) as server:
        return explained_failure_to(lambda: shake_hands(server, options, host))


def failure_with(
    *scripts: Script, tls: ssl.SSLContext | None = None, seconds: float = 10
) -> Failed:
    """Return how a handshake with a platform that follows `scripts` fails."""
    with serving(*scripts, tls=tls) as server:
        limit = Deadline.after(seconds)
        return explained_failure_to(lambda: shake_hands(server, TlsOptions(), NAME, limit))


def test_a_certificate_of_the_callers_authority_is_good(authority: Authority) -> None:
    """A private authority is the rule in private networks."""
    passed = outcome(authority.issue(NAME), trusting(authority))

    assert passed.warnings == ()
    assert 364 * DAY_S < cast("int", passed.facts["expires_in_s"]) <= 365 * DAY_S
    assert passed.facts["protocol"] == "TLSv1.3"
    assert "AES" in str(passed.facts["cipher"]) or "CHACHA" in str(passed.facts["cipher"])


def test_the_connection_speaks_tls_afterwards(authority: Authority) -> None:
    """The later steps send credentials through it."""
    tls = authority.issue(NAME).server_context()
    with (
        serving(answering(b"secured"), tls=tls) as server,
        connected(server.port) as connection,
    ):
        passed = tls_handshake(connection, endpoint(), trusting(authority), TRUST, soon())
        assert passed.value is connection
        connection.send(b"x\r\n\r\n", soon())

        assert connection.receive(soon()) == b"secured"
        assert server.count_connections() == 1


def test_the_final_dot_of_a_name_is_not_part_of_the_certificate(authority: Authority) -> None:
    """An absolute name is the same name (RFC 6066 3 forbids the dot in SNI)."""
    assert outcome(authority.issue(NAME), trusting(authority), NAME + ".").warnings == ()


def test_an_address_in_the_certificate_is_good(authority: Authority) -> None:
    """Many platforms are called by their address, and some have a certificate for it."""
    issued = authority.issue("10.0.0.7")

    assert outcome(issued, trusting(authority), "10.0.0.7").warnings == ()


def test_the_name_is_sent_to_the_server(authority: Authority) -> None:
    """Without SNI a server with many names shows the certificate of another."""
    names: list[str | None] = []
    tls = authority.issue(NAME).server_context()
    tls.sni_callback = lambda _, name, __: names.append(name)
    with serving(hold, tls=tls) as server:
        shake_hands(server, trusting(authority))

    assert names == [NAME]


def test_an_expired_certificate_is_told_with_its_date(authority: Authority) -> None:
    """The date is what the owner of the platform has to be shown."""
    failed = failure(authority.issue(NAME, validity=EXPIRED_TEN_DAYS_AGO), trusting(authority))

    assert failed.cause is EXPIRED
    date = f"{EXPIRED_TEN_DAYS_AGO.not_after:%Y-%m-%d}"
    assert f"{NAME} expired on {date}, 10 days ago" in said(failed)
    assert failed.finding.facts["verify_code"] == 10


def test_an_expired_authority_is_not_taken_for_an_expired_certificate(
    authority: Authority,
) -> None:
    """The certificate of the host is good for a year; its date would send people astray."""
    middle = Authority("Middle", EXPIRED_TEN_DAYS_AGO, above=authority)
    leaf = middle.issue(NAME)
    issued = Issued(leaf.certificate, leaf.key, [middle.certificate])

    failed = failure(issued, trusting(authority))

    assert failed.cause is CHAIN_EXPIRED
    assert "that of Middle, which the server sends, expired on" in said(failed)
    assert f"{Validity().not_after:%Y-%m-%d}" not in said(failed)


def test_a_certificate_of_the_future_is_told_with_its_date(authority: Authority) -> None:
    """Either the certificate is early or a clock is wrong; the date shows which."""
    failed = failure(authority.issue(NAME, validity=FROM_TOMORROW), trusting(authority))

    assert failed.cause is NOT_YET_VALID
    assert f"is valid from {FROM_TOMORROW.not_before:%Y-%m-%d}" in said(failed)


def test_a_self_signed_certificate_comes_with_its_fingerprint() -> None:
    """Comparing the fingerprint and pinning it is the one good remedy."""
    issued = self_signed(NAME)

    failed = failure(issued, TlsOptions())

    assert failed.cause is SELF_SIGNED
    assert failed.finding.facts["sha256"] == fingerprint(issued.der)


@pytest.mark.parametrize("is_root_sent", [True, False])
def test_a_private_authority_is_called_by_its_name(is_root_sent: bool) -> None:
    """The caller must know whose certificate to ask for."""
    authority = Authority("Contoso Root")
    issued = authority.issue(NAME)
    if is_root_sent:
        issued = Issued(issued.certificate, issued.key, [authority.certificate])

    failed = failure(issued, TlsOptions())

    assert failed.cause is PRIVATE_CA
    assert "Contoso Root" in said(failed)


def test_a_missing_intermediate_is_no_trusted_chain(authority: Authority) -> None:
    """Browsers fetch it by themselves, so the fault is often overlooked."""
    failed = failure(Authority("Middle", above=authority).issue(NAME), trusting(authority))

    assert failed.cause is INCOMPLETE_CHAIN
    assert "send the certificate of Middle after its own" in said(failed)


def test_a_wrong_name_is_told_with_the_right_ones(authority: Authority) -> None:
    """The remedy is most often to use the name that the certificate has."""
    issued = authority.issue("a.example.org", "b.example.org")

    failed = failure(issued, trusting(authority))

    assert failed.cause is HOSTNAME_MISMATCH
    assert "only for a.example.org, b.example.org" in said(failed)


def test_an_address_that_is_not_in_the_certificate_is_told_with_the_names(
    authority: Authority,
) -> None:
    """A certificate for a name does not cover the address that the name has."""
    failed = failure(authority.issue(NAME), trusting(authority), "10.0.0.7")

    assert failed.cause is IP_NOT_IN_SAN
    assert f"valid for: {NAME}" in said(failed)


def test_a_name_in_the_cn_alone_is_refused(authority: Authority) -> None:
    """Browsers and Go refuse it; a lenient verdict would not hold in production."""
    failed = failure(authority.issue(common_name=NAME), trusting(authority))

    assert failed.cause is CN_ONLY


def test_a_weak_key_is_told(authority: Authority) -> None:
    """RSA with 1024 bits can be factored."""
    failed = failure(authority.issue(NAME, key=weak_key()), trusting(authority))

    assert failed.cause is WEAK_KEY_OR_HASH


def test_the_verdict_stands_where_the_certificate_can_not_be_read() -> None:
    """OpenSSL judges certificates that the library which we read them with refuses."""
    issued, der = forbidden_certificate()
    with serving(hold, tls=issued.server_context(der)) as server:
        failed = failure_to(lambda: shake_hands(server, TlsOptions()))

    assert failed.cause is SELF_SIGNED
    assert "sha256" not in failed.finding.facts


def test_a_certificate_for_another_use_is_not_trusted(authority: Authority) -> None:
    """A client's certificate must not stand for a server."""
    issued = authority.issue(NAME, usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    failed = failure(issued, trusting(authority))

    assert failed.cause is WRONG_EKU
    assert "1.3.6.1.5.5.7.3.2" in said(failed)


def test_the_verdict_stands_without_a_second_look() -> None:
    """A platform that takes one connection only is judged all the same."""
    tls = self_signed(NAME).server_context()
    with serving(hold, tls=tls) as server, connected(server.port) as connection:
        server.peer(0)
        server.stop_listening()
        failed = failure_to(
            lambda: tls_handshake(connection, endpoint(), TlsOptions(), TRUST, soon())
        )

    assert failed.cause is SELF_SIGNED
    assert "sha256" not in failed.finding.facts


@pytest.mark.parametrize("validity", [Validity(), EXPIRED_TEN_DAYS_AGO])
def test_without_verification_a_warning_says_what_to_pin(validity: Validity) -> None:
    """Who switches the check off must not forget that it is off."""
    issued = self_signed("other.example.org", validity=validity)

    passed = outcome(issued, TlsOptions(verify=False))

    (warning,) = passed.warnings
    assert warning.cause is IDENTITY_UNCHECKED
    assert fingerprint(issued.der) in said(Failed(warning.cause, **warning.facts))


@pytest.mark.parametrize("is_verified", [True, False])
def test_the_pinned_certificate_is_good_whatever_else_it_says(is_verified: bool) -> None:
    """A pin is stricter than any authority; the certificate's faults do not matter then."""
    issued = self_signed("other.example.org", validity=EXPIRED_TEN_DAYS_AGO)
    options = TlsOptions(fingerprint_sha256=fingerprint(issued.der), verify=is_verified)

    passed = outcome(issued, options)

    assert passed.warnings == ()
    assert passed.facts["sha256"] == fingerprint(issued.der)
    assert cast("int", passed.facts["expires_in_s"]) < -10 * DAY_S


def test_a_pinned_certificate_that_can_not_be_read_is_good_too() -> None:
    """What we tell about a certificate may never break the step that accepted it."""
    issued = self_signed(NAME)
    der = of_version_6(issued.der)
    options = TlsOptions(fingerprint_sha256=fingerprint(der))
    with serving(hold, tls=issued.server_context(der)) as server:
        passed = shake_hands(server, options)

    assert passed.warnings == ()
    assert "expires_in_s" not in passed.facts


@pytest.mark.parametrize("is_verified", [True, False])
def test_another_certificate_than_the_pinned_one_is_refused(
    authority: Authority, is_verified: bool
) -> None:
    """Even the best certificate of the best authority is not the one that was agreed on."""
    issued, pinned = authority.issue(NAME), "ab" * 32
    options = TlsOptions(
        fingerprint_sha256=pinned, ca_certificate=authority.pem, verify=is_verified
    )

    failed = failure(issued, options)

    assert failed.cause is PIN_CHANGED
    assert failed.finding.facts["pinned_sha256"] == pinned
    assert fingerprint(issued.der) in said(failed)


def test_nothing_is_sent_to_a_platform_that_is_not_trusted() -> None:
    """Two further looks are handshakes and no more; credentials come after a verdict."""
    with serving(hold, tls=self_signed(NAME).server_context()) as server:
        explained_failure_to(lambda: shake_hands(server, TlsOptions()))
        assert server.count_connections() == 3
        for further in (server.peer(1), server.peer(2)):
            assert further.left.wait(5)
            assert further.received == b""


def test_plain_http_is_told() -> None:
    """The most frequent mistake of all: https:// to a port that speaks http."""

    def bad_request(peer: Peer) -> None:
        peer.read_some()
        peer.send(reply(status="400 Bad Request"))

    assert failure_with(bad_request, answering(reply())).cause is PLAIN_HTTP_PORT


def test_a_greeting_of_another_protocol_is_told() -> None:
    """SSH on the port means that the port is wrong."""

    def ssh(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        peer.hold()

    failed = failure_with(ssh)

    assert failed.cause is OTHER_PROTOCOL_PORT
    assert "SSH" in said(failed)


@pytest.mark.parametrize("garbage", [b"\x00" * 100, bytes(range(256)), b"hello there\r\n" * 9])
def test_garbage_is_no_tls(garbage: bytes) -> None:
    """Some other program listens there."""

    def script(peer: Peer) -> None:
        peer.send(garbage)
        peer.hold()

    assert failure_with(script).cause is OTHER_PROTOCOL_PORT


def test_garbage_is_no_tls_without_a_second_look() -> None:
    """A port that takes no second connection has shown enough."""

    def script(peer: Peer) -> None:
        peer.server.stop_listening()
        peer.send(b"hello there\r\n" * 9)
        peer.hold()

    assert failure_with(script).cause is OTHER_PROTOCOL_PORT


def test_the_first_bytes_are_waited_for_in_vain_for_a_while_only() -> None:
    """The second look must not double the test's time."""

    def script(peer: Peer) -> None:
        peer.send(b"hello there\r\n" * 9)
        peer.hold()

    assert failure_with(script, hold, seconds=0.4).cause is OTHER_PROTOCOL_PORT


@pytest.mark.parametrize(
    ("script", "cause"),
    [(hang_up_after_reading, EOF_AFTER_HELLO), (reset_after_reading, RESET_AFTER_HELLO)],
)
def test_an_end_after_the_hello_is_told_by_its_kind(script: Script, cause: Cause) -> None:
    """A load balancer without backends closes, a firewall that reads SNI resets."""
    assert failure_with(script).cause is cause


def test_a_platform_that_stalls_is_too_slow() -> None:
    """It accepts and says nothing, as a port for plain text or a lost packet would."""
    failed = failure_with(hold, seconds=0.3)

    assert failed.cause is HANDSHAKE_TIMEOUT
    waited_s = failed.finding.facts["waited_s"]
    assert isinstance(waited_s, float)
    assert 0.3 <= waited_s < HANDSHAKE_S


def test_a_trickling_handshake_ends_at_the_deadline() -> None:
    """One byte at a time keeps a timeout of each read from ever passing."""

    def script(peer: Peer) -> None:
        peer.read_some()
        # A ServerHello's record of 16 000 bytes, the rest of which would take hours.
        peer.send(b"\x16\x03\x03\x3e\x80\x02\x00\x3e\x7c")
        peer.trickle(b"\x03" * 100, 0.05)

    assert failure_with(script, seconds=0.5).cause is HANDSHAKE_TIMEOUT


def test_an_old_platform_without_tls_1_2_is_told() -> None:
    """TLS 1.0 and 1.1 are off by default everywhere; the remedy is on the platform."""
    tls = self_signed(NAME).server_context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1

    assert failure_with(hold, tls=tls).cause is TLS_VERSION_UNSUPPORTED


def test_a_platform_without_a_common_cipher_is_told() -> None:
    """Appliances from before 2012 know no AEAD ciphers."""
    tls = self_signed(NAME).server_context()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("NULL:@SECLEVEL=0")

    assert failure_with(hold, tls=tls).cause is NO_SHARED_CIPHER


def test_a_demand_for_a_client_certificate_is_told_with_tls_1_2(authority: Authority) -> None:
    """The alert has other reasons too; with TLS 1.3 it comes after a good handshake."""
    tls = authority.issue(NAME).server_context()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.pem)
    with serving(hold, tls=tls) as server:
        failed = explained_failure_to(lambda: shake_hands(server, trusting(authority)))

    assert failed.cause is CLIENT_CERT_REQUIRED


def test_who_asks_for_a_client_certificate_and_does_without_is_good(authority: Authority) -> None:
    """Many servers ask everybody."""
    tls = authority.issue(NAME).server_context()
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.load_verify_locations(cadata=authority.pem)
    with serving(hold, tls=tls) as server, connected(server.port) as connection:
        passed = tls_handshake(connection, endpoint(), trusting(authority), TRUST, soon())

    assert passed.warnings == ()


@pytest.mark.parametrize(
    ("alert", "cause"),
    [
        (ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME, UNRECOGNIZED_NAME),
        (ssl.AlertDescription.ALERT_DESCRIPTION_PROTOCOL_VERSION, TLS_VERSION_UNSUPPORTED),
        (ssl.AlertDescription.ALERT_DESCRIPTION_HANDSHAKE_FAILURE, NO_SHARED_CIPHER),
        (ssl.AlertDescription.ALERT_DESCRIPTION_INSUFFICIENT_SECURITY, NO_SHARED_CIPHER),
        (120, ALPN_MISMATCH),
        (ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR, HANDSHAKE_FAILED),
        (ssl.AlertDescription.ALERT_DESCRIPTION_ACCESS_DENIED, HANDSHAKE_FAILED),
    ],
)
def test_an_alert_of_the_platform_has_its_cause(alert: int, cause: Cause) -> None:
    """The platform says why in one number (RFC 8446 6.2)."""
    tls = self_signed(NAME).server_context()
    tls.sni_callback = lambda *_: alert

    failed = failure_with(hold, tls=tls)

    assert failed.cause is cause


def test_a_failed_handshake_leaves_the_connection_closed() -> None:
    """Nothing may be sent in clear to where TLS was wanted."""
    with (
        serving(hold, tls=self_signed(NAME).server_context()) as server,
        connected(server.port) as connection,
    ):
        failure_to(lambda: tls_handshake(connection, endpoint(), TlsOptions(), TRUST, soon()))

        with pytest.raises(ConnectionResetError):
            connection.send(b"secret", soon())


def test_an_address_is_not_sent_as_a_name(authority: Authority) -> None:
    """RFC 6066 3 allows names only; some servers break off otherwise."""
    names: list[str | None] = []
    tls = authority.issue("10.0.0.7").server_context()
    tls.sni_callback = lambda _, name, __: names.append(name)
    with serving(hold, tls=tls) as server:
        shake_hands(server, trusting(authority), "10.0.0.7")

    assert names == [None]
