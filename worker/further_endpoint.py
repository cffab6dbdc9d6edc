"""Reach a further endpoint of the platform under test as the steps reach the platform itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.endpoint import Endpoint
from shared.request import TlsOptions
from worker.tcp.connection import Connection
from worker.deadline import Deadline
from worker.site import Site
from worker.steps.dns_lookup import dns_lookup
from worker.steps.tcp_connect import tcp_connect
from worker.steps.tls_handshake import tls_handshake


@dataclass(frozen=True, slots=True)
class Reach:
    """Looks for further endpoints of the platform at `home`."""

    home: Endpoint
    tls: TlsOptions
    site: Site

    def __call__(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Connect to `endpoint`, a complete one, judge its certificate, and hang up.

        The platform chose where this goes, so the caller's policy and the guard are asked.

        Raises:
            Failed: with a cause of the policy or of the step that failed.
        """
        with self.connection(endpoint, deadline):
            pass

    @contextmanager
    def connection(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Connection]:
        """Give a connection to `endpoint`, a complete one, whose certificate was judged.

        Raises:
            Failed: as above.
        """
        self.site.check(endpoint)
        addresses = dns_lookup(endpoint, deadline).value
        with tcp_connect(endpoint, addresses, self.site.guard, deadline).value as connection:
            if endpoint.scheme == "https":
                tls, trust = self._tls(endpoint), self.site.trust
                connection = tls_handshake(connection, endpoint, tls, trust, deadline).value
            yield connection

    def _tls(self, endpoint: Endpoint) -> TlsOptions:
        """Return how to judge the certificate: the pin is of the platform's own."""
        if endpoint.server_name == self.home.server_name:
            return self.tls
        return self.tls.model_copy(update={"fingerprint_sha256": None})
