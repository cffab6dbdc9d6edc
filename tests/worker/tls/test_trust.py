import ssl
from pathlib import Path

import pytest

from shared.request.options import TlsOptions
from tests.certificates.crafted import Authority
from tests.network.loopback import NAME, connected, soon
from tests.network.servers import hold, serving
from worker.tcp.connection import TlsClient
from worker.tls.trust import Trust, unverified

PIN = "ab" * 32


def shake_hands(authority: Authority, context: ssl.SSLContext) -> None:
    tls = authority.issue(NAME).server_context()
    with serving(hold, tls=tls) as server, connected(server.port) as connection:
        connection.secure(TlsClient(context, NAME), soon())


def test_an_unknown_authority_is_not_trusted() -> None:
    """Anybody can found an authority."""
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(Authority(), Trust().context_for(TlsOptions()))


def test_the_callers_authority_is_trusted() -> None:
    """Platforms in private networks have private authorities."""
    authority = Authority()

    shake_hands(authority, Trust().context_for(TlsOptions(ca_certificate=authority.pem)))


def test_the_authority_of_one_caller_is_not_trusted_for_another() -> None:
    """The contexts are shared between jobs, the callers' trust is not."""
    authority, trust = Authority(), Trust()
    trust.context_for(TlsOptions(ca_certificate=authority.pem))

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, trust.context_for(TlsOptions()))


def test_the_operators_authorities_are_trusted(tmp_path: Path) -> None:
    """A company installs its authority once, not in every call."""
    authority, ca_file = Authority(), tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)

    shake_hands(authority, Trust(ca_file).context_for(TlsOptions()))


def test_what_was_prepared_is_not_read_again(tmp_path: Path) -> None:
    """The time of reading it would be counted in a step."""
    authority, ca_file = Authority(), tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    trust = Trust(ca_file)
    trust.prepare()
    ca_file.unlink()

    shake_hands(authority, trust.context_for(TlsOptions()))


def test_the_environment_adds_no_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE is set on many machines; a verdict must not depend on it."""
    authority, ca_file = Authority(), tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, Trust().context_for(TlsOptions()))


@pytest.mark.parametrize("is_verified", [True, False])
def test_the_environment_gets_no_session_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_verified: bool
) -> None:
    """Who reads an SSLKEYLOGFILE reads every password that was sent."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    authority = Authority()
    options = TlsOptions(ca_certificate=authority.pem, verify=is_verified)

    context = Trust().context_for(options)
    shake_hands(authority, context)

    assert context.keylog_filename is None
    assert list(tmp_path.iterdir()) == []


def test_the_public_authorities_are_known() -> None:
    """A public cloud needs no caCertificate."""
    assert len(Trust().context_for(TlsOptions()).get_ca_certs()) > 50


@pytest.mark.parametrize("options", [TlsOptions(verify=False), TlsOptions(fingerprint_sha256=PIN)])
def test_without_verification_or_with_a_pin_any_certificate_passes_the_handshake(
    options: TlsOptions,
) -> None:
    """The certificate is judged afterwards, by its fingerprint."""
    context = Trust().context_for(options)

    assert context is unverified()
    shake_hands(Authority(), context)


@pytest.mark.parametrize("options", [TlsOptions(), TlsOptions(verify=False)])
def test_nothing_below_tls_1_2_is_spoken(options: TlsOptions) -> None:
    """TLS 1.0 and 1.1 are deprecated (RFC 8996)."""
    assert Trust().context_for(options).minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_same_wishes_give_the_same_context() -> None:
    """Building one costs 20 ms, which would show in the handshake's latency."""
    trust = Trust()

    assert trust.context_for(TlsOptions()) is trust.context_for(TlsOptions())
