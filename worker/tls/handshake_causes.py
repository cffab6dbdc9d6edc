"""What can go wrong in a TLS handshake beside the certificate, by OpenSSL's reason."""

import ssl

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed

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
NAME_FILTERED = Cause(
    code="tls.sni_filtered",
    owner="network",
    summary="TLS connections to port {port} that name {host} are cut; without a name they are "
    "answered with the certificate of {subject}",
    remedies=(
        "Allow the server name (SNI) {host} in the firewall or proxy that filters names.",
        "Set {host} up in the server or load balancer that chooses by name.",
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
    summary="Port {port} of {host} does not speak TLS[ but {protocol}][: it begins with "
    "{first_bytes}]",
    remedies=("Give the port that the platform's API listens on with HTTPS.",),
    field="endpoint",
)
VERSION_UNSUPPORTED = Cause(
    code="tls.version_unsupported",
    owner="platform",
    summary="{host} offers no TLS version from 1.2 on[, its best is {best}]",
    remedies=(
        "Enable TLS 1.2 or 1.3 on {host}.",
        "Upgrade the platform, or put a proxy with TLS 1.2 in front of it.",
    ),
)
REFUSED = Cause(
    code="tls.handshake_refused",
    owner="platform",
    summary="{host} refused the TLS handshake: no common cipher suite, no client certificate or "
    "an unknown name",
    remedies=(
        "Look for the reason in the TLS log of {host} or of its load balancer.",
        "Enable AEAD cipher suites of TLS 1.2, or TLS 1.3, on {host}.",
    ),
)
NO_SHARED_CIPHER = Cause(
    code="tls.no_shared_cipher",
    owner="platform",
    summary="{host} has no cipher suite that this service accepts[; its best is {cipher} with "
    "{protocol}]",
    remedies=(
        "Enable AEAD cipher suites on {host}, e.g. ECDHE-RSA-AES128-GCM-SHA256 for TLS 1.2, or "
        "TLS 1.3.",
    ),
)
NATIONAL_ONLY = Cause(
    code="tls.gm_sm_only",
    owner="platform",
    summary="{host} speaks TLCP (GB/T 38636) with the SM suites alone, which this service does not",
    remedies=(
        "Enable an international cipher suite of TLS 1.2 or 1.3 on {host} beside SM2 and SM4.",
        "Give a port of the API that speaks TLS.",
    ),
    field="endpoint",
)
UNKNOWN_NAME = Cause(
    code="tls.unrecognized_name",
    owner="caller",
    summary="The TLS server at {host} does not know a host of that name[; without a name it shows "
    "a certificate for {valid_for}]",
    remedies=(
        "Use the name in the endpoint that the server is configured for[, e.g. {valid_for}].",
        "Set {host} up in the server or load balancer that chooses by name.",
    ),
    field="endpoint",
)
ALPN_MISMATCH = Cause(
    code="tls.alpn_mismatch",
    owner="platform",
    summary="{host} speaks no HTTP/1.1 on port {port}: it turns that offer down (ALPN, alert 120)",
    remedies=(
        "Allow HTTP/1.1 beside HTTP/2 (ALPN http/1.1) on {host} or its load balancer.",
        "Give the port of the API, if port {port} is for another protocol.",
    ),
    field="endpoint",
)
LEGACY_RENEGOTIATION = Cause(
    code="tls.legacy_renegotiation",
    owner="platform",
    summary="{host} knows no secure renegotiation (RFC 5746), so somebody could speak before us",
    remedies=("Update the TLS software of {host} or of the appliance before it.",),
)
WEAK_DH = Cause(
    code="tls.weak_dh",
    owner="platform",
    summary="{host} uses Diffie-Hellman parameters of less than 2048 bits",
    remedies=(
        "Enable ECDHE cipher suites on {host}.",
        "Give {host} Diffie-Hellman parameters of 2048 bits or more.",
    ),
)
CHAIN_TOO_LARGE = Cause(
    code="tls.chain_too_large",
    owner="platform",
    summary="{host} sends more than 100 KiB of certificates",
    remedies=(
        "Have {host} send its own certificate and its issuers' alone, not a bundle of authorities.",
    ),
)
HANDSHAKE_FAILED = Cause(
    code="tls.handshake_failed",
    owner="platform",
    summary="The TLS handshake with {host} failed[: {alert}][ (alert {alert_number})]",
    remedies=("Look for the reason in the TLS log of {host} or of its load balancer.",),
)

# Reason codes of OpenSSL's sslerr.h, by their names.
_CAUSE_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": VERSION_UNSUPPORTED,
    "TLSV1_ALERT_PROTOCOL_VERSION": VERSION_UNSUPPORTED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": REFUSED,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": REFUSED,
    "TLSV1_UNRECOGNIZED_NAME": UNKNOWN_NAME,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": ALPN_MISMATCH,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": LEGACY_RENEGOTIATION,
    "DH_KEY_TOO_SMALL": WEAK_DH,
    "EXCESSIVE_MESSAGE_SIZE": CHAIN_TOO_LARGE,
    "WRONG_VERSION_NUMBER": NOT_TLS,
    "RECORD_LAYER_FAILURE": NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": NOT_TLS,
}
# RFC 8446 6.2; OpenSSL 3.0 has no reason of its own for the last.
CAUSE_BY_ALERT = {
    40: REFUSED,
    70: VERSION_UNSUPPORTED,
    71: REFUSED,
    112: UNKNOWN_NAME,
    120: ALPN_MISMATCH,
}


def handshake_failure(error: OSError, waited_s: float) -> Failed:
    """Return the plain failure that ended a handshake."""
    if isinstance(error, TimeoutError):
        return Failed(TOO_SLOW, waited_s=waited_s)
    if isinstance(error, ssl.SSLEOFError):
        return Failed(CLOSED)
    if not isinstance(error, ssl.SSLError):
        return Failed(RESET, error=type(error).__name__)
    cause = _CAUSE_BY_REASON.get(error.reason or "", HANDSHAKE_FAILED)
    return Failed(cause, alert=error.reason) if error.reason else Failed(cause)
