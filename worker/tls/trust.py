"""Build the TLS contexts, each once: it costs 20 ms."""

import ssl
from functools import cache, lru_cache
from pathlib import Path

import certifi

from shared.request import TlsOptions


class Trust:
    """Whom this service trusts: the public authorities and those of the operator.

    The environment (SSL_CERT_FILE, SSLKEYLOGFILE) has no say in it.
    """

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._verifying = lru_cache(maxsize=64)(self._build)
        self._verifying(None)  # now, so that no platform's latency pays for it

    def context_for(self, tls: TlsOptions) -> ssl.SSLContext:
        """Return the context for a caller's wishes; a pin replaces the authorities' word."""
        if tls.fingerprint_sha256 or not tls.verify:
            return unverified()
        return self._verifying(tls.ca_certificate)

    def _build(self, ca_certificate: str | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A name in the CN alone is refused by browsers and by Go; be no laxer than them.
        context.hostname_checks_common_name = False
        context.set_alpn_protocols(["http/1.1"])
        context.load_verify_locations(certifi.where())
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        if ca_certificate:
            context.load_verify_locations(cadata=ca_certificate)
        return context


@cache
def unverified() -> ssl.SSLContext:
    """Return a context that accepts any certificate; nothing secret may be sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
