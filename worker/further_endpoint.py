"""Connect to another endpoint of the tested platform, as the steps connect to the platform."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from shared.endpoint import Endpoint
from shared.request.options import TlsOptions
from worker.deadline import Deadline
from worker.site import Site
from worker.steps.dns_lookup import dns_lookup
from worker.steps.tcp_connect import tcp_connect
from worker.steps.tls_handshake import tls_handshake
from worker.tcp.connection import Connection


@dataclass(frozen=True, slots=True)
class FurtherEndpoints:
    """Connects to other endpoints of the platform at `home`."""

    home: Endpoint
    tls: TlsOptions
    site: Site

    def reach(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Connect to the complete `endpoint`, judge its certificate, and disconnect.

        The platform chose this endpoint, so the caller's policy and the guard check it, and it
        counts like an endpoint that the caller chose.

        Raises:
            Failed: with a cause of the policy or of the step that failed.
        """
        with self.connection(endpoint, deadline):
            pass

    @contextmanager
    def connection(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Connection]:
        """Provide a connection to the complete `endpoint`, with its certificate judged.

        Raises:
            Failed: as above.
        """
        self.site.check(endpoint)
        with self._counted(endpoint, deadline):
            addresses = dns_lookup(endpoint, deadline).value
            with tcp_connect(endpoint, addresses, self.site.guard, deadline).value as connection:
                if endpoint.scheme == "https":
                    tls, trust = self._tls(endpoint), self.site.trust
                    connection = tls_handshake(connection, endpoint, tls, trust, deadline).value
                yield connection

    def _counted(self, endpoint: Endpoint, deadline: Deadline) -> AbstractContextManager[None]:
        """Count a visit; one of the platform itself is part of the test, which is counted."""
        place = (endpoint.server_name, endpoint.port)
        if self.site.visits is None or place == (self.home.server_name, self.home.port):
            return nullcontext()
        return self.site.visits.to(endpoint, deadline)

    def _tls(self, endpoint: Endpoint) -> TlsOptions:
        """Return how to judge the certificate of `endpoint`.

        A pin takes the place of verification for the host that it is of. Any other host is
        verified, also if the caller has set verify=false beside the pin.
        """
        if not self.tls.fingerprint_sha256 or endpoint.server_name == self.home.server_name:
            return self.tls
        return self.tls.model_copy(update={"fingerprint_sha256": None, "verify": True})
