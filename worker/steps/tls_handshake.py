"""Secure the connection, and judge the certificate before any credential can leave."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from shared.causes import Cause
from shared.endpoint import Endpoint
from shared.models import TlsOptions
from shared.outcomes import Fact, Failed, Finding, Passed
from worker.certificate import PIN_CHANGED, Certificate, fingerprint, read_certificate
from worker.connection import Connection, PinChangedError, TlsClient
from worker.deadline import Deadline
from worker.greetings import OTHER_PROTOCOL, protocol_of
from worker.trust import Trust, unverified

T = TypeVar("T")

HANDSHAKE_S = 5.0
SECOND_LOOK_S = 2.0

EXPIRED = Cause(
    code="tls.expired",
    owner="platform",
    summary="The certificate of {host} expired{on_date}",
    remedies=("Renew the certificate on {host}.",),
)
NOT_YET_VALID = Cause(
    code="tls.not_yet_valid",
    owner="platform",
    summary="The certificate of {host} is not valid yet{on_date}",
    remedies=(
        "Set the clock of the machine that issued it right, and issue the certificate again.",
    ),
)
SELF_SIGNED = Cause(
    code="tls.self_signed",
    owner="platform",
    summary="The certificate of {host} is self-signed, so nobody vouches for it",
    remedies=(
        "Compare the certificate's SHA-256 with the one on {host}, then give it as "
        "options.tls.fingerprintSha256.",
        "Install a certificate of an authority on {host}.",
    ),
    field="options.tls",
)
PRIVATE_CA = Cause(
    code="tls.private_ca",
    owner="caller",
    summary="The certificate of {host} is from an authority that is not trusted here{issued_by}",
    remedies=(
        "Give that authority's certificate as options.tls.caCertificate.",
        "Have {host} send its intermediate certificates too.",
    ),
    field="options.tls",
)
HOSTNAME_MISMATCH = Cause(
    code="tls.hostname_mismatch",
    owner="caller",
    summary="The certificate of {host} is not valid for that name{valid_for}",
    remedies=(
        "Use a name in the endpoint that the certificate is valid for{valid_for}.",
        "Issue a certificate for {host}.",
    ),
    field="endpoint",
)
IP_NOT_IN_SAN = Cause(
    code="tls.ip_not_in_san",
    owner="caller",
    summary="The certificate at {host} is not valid for that address{valid_for}",
    remedies=(
        "Use a name in the endpoint that the certificate is valid for{valid_for}.",
        "Issue a certificate that names the address {host}.",
    ),
    field="endpoint",
)
WEAK = Cause(
    code="tls.weak_key_or_hash",
    owner="platform",
    summary="The certificate of {host} has a key or a signature that is too weak",
    remedies=("Issue it again with RSA 2048 bits or more, or ECDSA, and SHA-256.",),
)
NOT_TRUSTED = Cause(
    code="tls.not_trusted",
    owner="platform",
    summary="The certificate of {host} can't be trusted (OpenSSL verify code {verify_code})",
    remedies=("Check the certificate with `openssl s_client -connect {host}:{port}`.",),
)
IDENTITY_UNCHECKED = Cause(
    code="tls.identity_unchecked",
    owner="caller",
    severity="warning",
    summary="The identity of {host} was not checked, because options.tls.verify is false",
    remedies=(
        "Give options.tls.fingerprintSha256 {sha256} instead of verify=false, after comparing "
        "it with the certificate on {host}.",
    ),
    field="options.tls.verify",
)
TOO_SLOW = Cause(
    code="tls.handshake_timeout",
    owner="network",
    summary="{host} did not finish the TLS handshake on port {port} within {waited_s} s",
    remedies=(
        "Check that port {port} speaks TLS; if it does, look for a firewall that inspects TLS "
        "or a VPN with too large packets (MTU).",
        "Use http:// if the port speaks plain HTTP.",
    ),
)
RESET = Cause(
    code="tls.reset_after_hello",
    owner="network",
    summary="The connection to {host} port {port} was reset during the TLS handshake",
    remedies=(
        "Look for a firewall or an intrusion prevention that cuts TLS to {host}.",
        "Check that port {port} speaks TLS.",
    ),
)
CLOSED = Cause(
    code="tls.eof_after_hello",
    owner="platform",
    summary="{host} closed the connection on port {port} during the TLS handshake",
    remedies=(
        "Check that port {port} speaks TLS and that its load balancer has a healthy backend.",
    ),
)
PLAIN_HTTP = Cause(
    code="tls.plain_http_port",
    owner="caller",
    summary="Port {port} of {host} speaks plain HTTP, not HTTPS",
    remedies=("Begin the endpoint with http://, or give the port that speaks HTTPS.",),
    field="endpoint",
)
NOT_TLS = Cause(
    code="tls.other_protocol_port",
    owner="caller",
    summary="Port {port} of {host} does not speak TLS",
    remedies=("Give the port that the platform's API listens on with HTTPS.",),
    field="endpoint",
)
VERSION_UNSUPPORTED = Cause(
    code="tls.version_unsupported",
    owner="platform",
    summary="{host} offers no TLS version from 1.2 on",
    remedies=("Enable TLS 1.2 or 1.3 on {host}.",),
)
NO_SHARED_CIPHER = Cause(
    code="tls.no_shared_cipher",
    owner="platform",
    summary="{host} refused the TLS handshake: no common cipher, or a client certificate wanted",
    remedies=("Enable the AEAD cipher suites of TLS 1.2 or 1.3 on {host}.",),
)
UNKNOWN_NAME = Cause(
    code="tls.unrecognized_name",
    owner="caller",
    summary="The TLS server at {host} does not know a host of that name",
    remedies=("Use the name in the endpoint that the server is configured for.",),
    field="endpoint",
)
HANDSHAKE_FAILED = Cause(
    code="tls.handshake_failed",
    owner="platform",
    summary="The TLS handshake with {host} failed: {alert}",
    remedies=("Look for the reason in the TLS log of {host} or of its load balancer.",),
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CAUSE_BY_VERIFY_CODE = {
    2: PRIVATE_CA,
    9: NOT_YET_VALID,
    10: EXPIRED,
    18: SELF_SIGNED,
    19: PRIVATE_CA,
    20: PRIVATE_CA,
    21: PRIVATE_CA,
    62: HOSTNAME_MISMATCH,
    64: IP_NOT_IN_SAN,
    66: WEAK,
    67: WEAK,
    68: WEAK,
}
# Reason codes of OpenSSL's sslerr.h, by their names.
_CAUSE_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": VERSION_UNSUPPORTED,
    "TLSV1_ALERT_PROTOCOL_VERSION": VERSION_UNSUPPORTED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": NO_SHARED_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": NO_SHARED_CIPHER,
    "TLSV1_UNRECOGNIZED_NAME": UNKNOWN_NAME,
}
_NOT_TLS_REASONS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def tls_handshake(
    connection: Connection, endpoint: Endpoint, tls: TlsOptions, trust: Trust, deadline: Deadline
) -> Passed[Connection]:
    """Return the same connection, speaking TLS with a platform whose certificate was judged.

    The handshake ends within HANDSHAKE_S. After a failure a second look, without verification
    and without credentials, reads the certificate or the first bytes for SECOND_LOOK_S.

    Raises:
        Failed: with one of the causes of this module.
    """
    client = TlsClient(trust.context_for(tls), endpoint.server_name, tls.fingerprint_sha256)
    limit = deadline.at_most(HANDSHAKE_S)
    try:
        secured = connection.secure(client, limit)
    except ssl.SSLCertVerificationError as error:
        raise _distrusted(error.verify_code, connection, client, deadline) from None
    except PinChangedError as error:
        pinned = tls.fingerprint_sha256 or ""
        raise Failed(PIN_CHANGED, sha256=error.sha256, pinned_sha256=pinned) from None
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise Failed(TOO_SLOW, waited_s=limit.waited_s) from None
        raise _broken_off(error, connection, endpoint, deadline) from None
    facts: dict[str, Fact] = {
        "protocol": secured.version() or "",
        "cipher": (secured.cipher() or ("",))[0],
    }
    if client.context is not unverified():
        return Passed(connection, **facts)
    shown = fingerprint(secured.getpeercert(binary_form=True) or b"")
    if tls.fingerprint_sha256:
        return Passed(connection, sha256=shown, **facts)
    return Passed(connection, Finding(IDENTITY_UNCHECKED, {"sha256": shown}), **facts)


def _distrusted(
    verify_code: int, connection: Connection, client: TlsClient, deadline: Deadline
) -> Failed:
    cause = _CAUSE_BY_VERIFY_CODE.get(verify_code, NOT_TRUSTED)
    certificate = _second_look(
        lambda twin, limit: _look_at_certificate(twin, client.server_name, limit),
        connection,
        deadline,
    )
    facts = {**certificate.facts} if certificate else {}
    return Failed(cause, verify_code=verify_code, **_wording(cause, certificate), **facts)


def _wording(cause: Cause, certificate: Certificate | None) -> dict[str, Fact]:
    """Return the parts of the summary that depend on the certificate; empty without one."""
    if certificate is None:
        return {"on_date": "", "issued_by": "", "valid_for": ""}
    names = ", ".join(certificate.names[:3])
    return {
        "on_date": _on_date(cause, certificate),
        "issued_by": f": {certificate.issuer}",
        "valid_for": f" ({names})" if names else "",
    }


def _on_date(cause: Cause, certificate: Certificate) -> str:
    now = datetime.now(UTC)
    if cause is NOT_YET_VALID and certificate.not_before > now:
        return f": it begins on {certificate.not_before:%Y-%m-%d}"
    if cause is EXPIRED and certificate.not_after < now:
        days = (now - certificate.not_after).days
        return f" on {certificate.not_after:%Y-%m-%d}, {days} days ago"
    return f": not its own, but one of its issuers' ({certificate.issuer} or above)"


def _broken_off(
    error: OSError, connection: Connection, endpoint: Endpoint, deadline: Deadline
) -> Failed:
    if isinstance(error, ssl.SSLEOFError):
        return Failed(CLOSED)
    if not isinstance(error, ssl.SSLError):
        return Failed(RESET, error=type(error).__name__)
    reason = error.reason or ""
    if reason in _NOT_TLS_REASONS:
        return _what_it_speaks(connection, endpoint, deadline)
    return Failed(_CAUSE_BY_REASON.get(reason, HANDSHAKE_FAILED), alert=reason)


def _what_it_speaks(connection: Connection, endpoint: Endpoint, deadline: Deadline) -> Failed:
    first_bytes = _second_look(
        lambda twin, limit: _look_at_first_bytes(twin, endpoint, limit), connection, deadline
    )
    if first_bytes is None:
        return Failed(NOT_TLS)
    if first_bytes.startswith(b"HTTP/"):
        return Failed(PLAIN_HTTP)
    protocol = protocol_of(first_bytes)
    return Failed(OTHER_PROTOCOL, protocol=protocol) if protocol else Failed(NOT_TLS)


def _second_look(
    look: Callable[[Connection, Deadline], T], connection: Connection, deadline: Deadline
) -> T | None:
    """Return what `look` sees over a fresh connection to the same address, None if nothing."""
    with connection.twin() as twin:
        try:
            limit = deadline.at_most(SECOND_LOOK_S)
            twin.open(limit)
            return look(twin, limit)
        except (OSError, ValueError):
            return None  # the first verdict stands without it


def _look_at_certificate(twin: Connection, server_name: str, limit: Deadline) -> Certificate:
    secured = twin.secure(TlsClient(unverified(), server_name), limit)
    return read_certificate(secured.getpeercert(binary_form=True) or b"")


def _look_at_first_bytes(twin: Connection, endpoint: Endpoint, limit: Deadline) -> bytes:
    twin.send(f"GET / HTTP/1.0\r\nHost: {endpoint.bracketed_host}\r\n\r\n".encode(), limit)
    return twin.receive(limit)
