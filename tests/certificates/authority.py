"""Certificates of every kind, made when they are needed."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """A certificate authority of our own."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self._ca.cert_pem.bytes().decode()

    def server(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        """Return a server context with a certificate for `names`."""
        leaf = self._ca.issue_cert(*names, not_after=not_after)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context

    def expired_server(self, *names: str) -> ssl.SSLContext:
        """Return a server context whose certificate expired ten days ago."""
        return self.server(*names, not_after=datetime.now(UTC) - timedelta(days=10))

    def write_server(self, certificate: Path, key: Path, *names: str) -> None:
        """Write a certificate for `names` and its key, as programs of others read them."""
        leaf = self._ca.issue_cert(*names)
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
