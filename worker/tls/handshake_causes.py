"""Causes of a failed TLS handshake other than the certificate, by OpenSSL's reason code."""

import ssl

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed

HANDSHAKE_TIMEOUT = Cause(
    code="tls.handshake_timeout",
    owner="network",
    summary=(
        "{host} did not complete the TLS handshake on port {port} within {waited_s} s[, although "
        "it acknowledged {acknowledged_bytes:byte|bytes} of it][; it answers plain HTTP with "
        "{plain_status}, which does not prove that the port is plain HTTP][; "
        "{completed:handshake|handshakes} after it succeeded]"
    ),
    remedies=(
        "Check the service on port {port} of {host}, and the load balancer or proxy in front of "
        "it: it accepts connections but does not shake hands.",
        "Look for a firewall on the path that inspects TLS.",
    ),
)
RESET_AFTER_HELLO = Cause(
    code="tls.reset_after_hello",
    owner="network",
    summary=(
        "The connection to {host} port {port} was reset during the TLS handshake[; "
        "{completed:handshake|handshakes} after it succeeded]"
    ),
    remedies=(
        "Look for a firewall or an intrusion prevention system that resets TLS connections[ from "
        "{source}] to {host}.",
        "Check that port {port} uses TLS.",
        "Check whether port {port} expects the PROXY protocol, as ports behind a load balancer do.",
    ),
)
EOF_AFTER_HELLO = Cause(
    code="tls.eof_after_hello",
    owner="platform",
    summary=(
        "{host} closed the connection on port {port} during the TLS handshake[; "
        "{completed:handshake|handshakes} after it succeeded]"
    ),
    remedies=(
        "Check that port {port} uses TLS and that its load balancer has a healthy backend.",
        "Check whether port {port} expects the PROXY protocol, as ports behind a load balancer do.",
    ),
)
SNI_FILTERED = Cause(
    code="tls.sni_filtered",
    owner="network",
    summary=(
        "TLS connections to port {port} that name {host} are cut; those without a name are "
        "answered with the certificate of {subject}"
    ),
    remedies=(
        "Allow the server name (SNI) {host} in the firewall or proxy that filters names.",
        "Configure {host} in the server or load balancer that selects by name.",
    ),
)
PLAIN_ANSWER = Cause(
    code="tls.plain_answer",
    owner="platform",
    summary=(
        "Port {port} of {host} answers a TLS handshake in plain HTTP, and a plain request with 400"
    ),
    remedies=(
        "If a load balancer in front of port {port} sends the PROXY protocol, let the server "
        "expect it, or turn it off.",
        "Check that port {port} uses TLS.",
        "If {product} is meant to be used without TLS on port {port}, begin the endpoint with "
        "http://.",
    ),
    field="endpoint",
)
PLAIN_HTTP_PORT = Cause(
    code="tls.plain_http_port",
    owner="caller",
    summary="Port {port} of {host} uses plain HTTP, not HTTPS",
    remedies=("Use http:// in the endpoint, or the port that serves HTTPS.",),
    field="endpoint",
)
OTHER_PROTOCOL_PORT = Cause(
    code="tls.other_protocol_port",
    owner="caller",
    summary=(
        "Port {port} of {host} does not use TLS[, but {protocol}][: its answer begins with "
        "{first_bytes}]"
    ),
    remedies=("Use the port where the platform's API serves HTTPS.",),
    field="endpoint",
)
TLS_VERSION_UNSUPPORTED = Cause(
    code="tls.version_unsupported",
    owner="platform",
    summary="{host} does not support TLS 1.2 or newer[; its best is {best}]",
    remedies=(
        "Enable TLS 1.2 or 1.3 on {host}.",
        "Upgrade the platform, or put a proxy that supports TLS 1.2 in front of it.",
    ),
)
HANDSHAKE_REFUSED = Cause(
    code="tls.handshake_refused",
    owner="platform",
    summary=(
        "{host} rejected the TLS handshake: no common cipher suite, no client certificate or an "
        "unknown name"
    ),
    remedies=(
        "Look for the reason in the TLS log of {host} or of its load balancer.",
        "Enable AEAD cipher suites of TLS 1.2, or TLS 1.3, on {host}.",
    ),
)
NO_SHARED_CIPHER = Cause(
    code="tls.no_shared_cipher",
    owner="platform",
    summary=(
        "{host} supports no cipher suite that this service accepts[; its best is {cipher} with "
        "{protocol}]"
    ),
    remedies=(
        "On {host}, enable AEAD cipher suites, for example ECDHE-RSA-AES128-GCM-SHA256 for TLS "
        "1.2, or TLS 1.3.",
    ),
)
GM_SM_ONLY = Cause(
    code="tls.gm_sm_only",
    owner="platform",
    summary=(
        "{host} supports only TLCP (GB/T 38636) with the SM cipher suites, which this service "
        "does not support"
    ),
    remedies=(
        "Enable an international cipher suite of TLS 1.2 or 1.3 on {host} in addition to SM2 and "
        "SM4.",
        "Use a port of the API that supports TLS.",
    ),
    field="endpoint",
)
UNRECOGNIZED_NAME = Cause(
    code="tls.unrecognized_name",
    owner="caller",
    summary=(
        "The TLS server at {host} does not know this name[; without a name it sends a certificate "
        "for {valid_for}]"
    ),
    remedies=(
        "Use the name in the endpoint that the server is configured for[, for example "
        "{usable_valid_for}].",
        "Configure {host} in the server or load balancer that selects by name.",
    ),
    field="endpoint",
)
ALPN_MISMATCH = Cause(
    code="tls.alpn_mismatch",
    owner="platform",
    summary="{host} rejects HTTP/1.1 on port {port} (ALPN, alert 120)",
    remedies=(
        "Allow HTTP/1.1 in addition to HTTP/2 (ALPN http/1.1) on {host} or its load balancer.",
        "Use the port of the API if port {port} is for another protocol.",
    ),
    field="endpoint",
)
LEGACY_RENEGOTIATION = Cause(
    code="tls.legacy_renegotiation",
    owner="platform",
    summary=(
        "{host} does not support secure renegotiation (RFC 5746), so an attacker could inject "
        "data before our request"
    ),
    remedies=("Update the TLS software of {host} or of the appliance in front of it.",),
)
WEAK_DH = Cause(
    code="tls.weak_dh",
    owner="platform",
    summary="{host} uses Diffie-Hellman parameters of fewer than 2048 bits",
    remedies=(
        "Enable ECDHE cipher suites on {host}.",
        "Configure Diffie-Hellman parameters of 2048 bits or more on {host}.",
    ),
)
CHAIN_TOO_LARGE = Cause(
    code="tls.chain_too_large",
    owner="platform",
    summary="{host} sends more than 100 KiB of certificates",
    remedies=(
        "Configure {host} to send only its own certificate and those of its issuers, not a bundle "
        "of authorities.",
    ),
)
HANDSHAKE_FAILED = Cause(
    code="tls.handshake_failed",
    owner="platform",
    summary=(
        "The TLS handshake with {host} failed[: {alert}][ (alert {alert_number})][; {alert_says}]"
    ),
    remedies=("Look for the reason in the TLS log of {host} or of its load balancer.",),
)

# Reason codes of OpenSSL's sslerr.h, by their names.
_CAUSE_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": TLS_VERSION_UNSUPPORTED,
    "TLSV1_ALERT_PROTOCOL_VERSION": TLS_VERSION_UNSUPPORTED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": HANDSHAKE_REFUSED,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": HANDSHAKE_REFUSED,
    "TLSV1_UNRECOGNIZED_NAME": UNRECOGNIZED_NAME,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": ALPN_MISMATCH,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": LEGACY_RENEGOTIATION,
    "DH_KEY_TOO_SMALL": WEAK_DH,
    "EXCESSIVE_MESSAGE_SIZE": CHAIN_TOO_LARGE,
    "WRONG_VERSION_NUMBER": OTHER_PROTOCOL_PORT,
    "RECORD_LAYER_FAILURE": OTHER_PROTOCOL_PORT,
    "PACKET_LENGTH_TOO_LONG": OTHER_PROTOCOL_PORT,
}
# RFC 8446 6.2; OpenSSL 3.0 has no separate reason code for the last.
CAUSE_BY_ALERT = {
    40: HANDSHAKE_REFUSED,
    70: TLS_VERSION_UNSUPPORTED,
    71: HANDSHAKE_REFUSED,
    112: UNRECOGNIZED_NAME,
    120: ALPN_MISMATCH,
}
# What the server says by the other alerts of RFC 8446 6.2 and RFC 5246 7.2.2. Sentences, so that
# they can be translated.
ALERTS = {
    10: "the server received a message that it did not expect",
    20: "the server could not decrypt what it received",
    22: "the server received a record that was too long",
    42: "the server rejects the client certificate, or that there is none",
    43: "the server does not support this type of client certificate",
    44: "the server says that the client certificate was revoked",
    45: "the server says that the client certificate has expired",
    46: "the server rejects the client certificate for a reason of its own",
    47: "the server found a value in the handshake that is not allowed",
    48: "the server does not know the authority of the client certificate",
    49: "the server denies access in the handshake already",
    50: "the server could not parse a message of the handshake",
    51: "the server could not verify a signature or decrypt a key",
    80: (
        "the server had an error of its own; some servers say so if they have no certificate for "
        "the name that they are asked for"
    ),
    86: "the server supports a newer version than the one that was offered",
    90: "the server cancelled the handshake",
    109: "the server misses an extension in the handshake",
    110: "the server does not support an extension of the handshake",
    113: "the server rejects the certificate status (OCSP)",
    115: "the server does not know the pre-shared key",
    116: "the server requires a client certificate",
}


def handshake_failure(error: OSError, waited_s: float) -> Failed:
    """Return the plain failure that ended a handshake."""
    if isinstance(error, TimeoutError):
        return Failed(HANDSHAKE_TIMEOUT, waited_s=waited_s)
    if isinstance(error, ssl.SSLEOFError):
        return Failed(EOF_AFTER_HELLO)
    if not isinstance(error, ssl.SSLError):
        return Failed(RESET_AFTER_HELLO, error=type(error).__name__)
    cause = _CAUSE_BY_REASON.get(error.reason or "", HANDSHAKE_FAILED)
    return Failed(cause, alert=error.reason) if error.reason else Failed(cause)
