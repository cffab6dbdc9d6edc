"""Build each TLS context only once, because building one takes 20 ms."""

import ssl
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock

import certifi

from shared.request.options import TlsOptions


class Trust:
    """The authorities that this service trusts: the public ones and those of the operator.

    The environment (SSL_CERT_FILE, SSLKEYLOGFILE) has no effect on it.
    """

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._verifying = lru_cache(maxsize=64)(self._build)
        self._preparing = Lock()

    def prepare(self) -> None:
        """Load and build what a handshake needs, so that its time is not counted in a step."""
        # Here, because a test without TLS does not need it: it takes 40 ms, and the context 30 ms.
        import worker.tls.certificate_reader  # noqa: F401

        with self._preparing:  # the threads of a bulk test begin together
            self._verifying(None)

    def context_for(self, tls: TlsOptions) -> ssl.SSLContext:
        """Return the context for a caller's options; a pin replaces verification by authorities."""
        if tls.fingerprint_sha256 or not tls.verify:
            return unverified()
        return self._verifying(tls.ca_certificate)

    def _build(self, ca_certificate: str | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Browsers and Go reject a name that is only in the CN; this service must not be laxer.
        context.hostname_checks_common_name = False
        context.set_alpn_protocols(["http/1.1"])
        context.load_verify_locations(certifi.where())
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        if ca_certificate:
            context.load_verify_locations(cadata=ca_certificate)
            # The caller says whom to trust, be it a root or not, as for Go and Python 3.13.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
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
