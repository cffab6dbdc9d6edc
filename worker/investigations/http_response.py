"""Look again where a request had no answer: whether another way of asking has one."""

import ssl
from contextlib import suppress
from dataclasses import dataclass

from shared.platform.not_the_product import CLIENT_CERTIFICATE, TLS_EXPECTED
from shared.diagnosis.outcomes import Fact, Failed
from worker.tcp.connection import AddressRefusedError, TlsClient
from worker.deadline import Deadline
from worker.http.exchange import NO_RESPONSE, RESET, Exchange
from worker.tls.handshake_messages import hear_flight
from worker.tcp.protocols import HTTP2_PREFACE, is_http2
from worker.investigations.investigator import Unexplained
from worker.investigations.hang_up import why_it_hangs_up
from worker.http.response_reader import EMPTY_REPLY, HTTP2_ONLY
from worker.tls.trust import unverified

LOOK_S = 1.0
_FRAME_HEADER_BYTES = 9


@dataclass(frozen=True, slots=True)
class _Look:
    """Finds out why `failed`, by asking over fresh connections to the same address."""

    failed: Failed
    exchange: Exchange

    def __call__(self, deadline: Deadline) -> Failed | None:
        if self.exchange.endpoint.scheme == "https":
            demand = self._demand(deadline.at_most(LOOK_S))
            if demand or self.failed.cause is CLIENT_CERTIFICATE:
                return demand
        for cause, is_seen in ((TLS_EXPECTED, self._takes_tls), (HTTP2_ONLY, self._takes_http2)):
            with suppress(OSError, AddressRefusedError):  # that look saw nothing
                if is_seen(deadline.at_most(LOOK_S)):
                    return Failed(cause, *self.failed.findings)
        if self.failed.cause is NO_RESPONSE:
            return None
        return why_it_hangs_up(self.exchange.connection, deadline)

    def _demand(self, limit: Deadline) -> Failed | None:
        """Return that a client certificate is demanded, if a server that asks for one hangs up."""
        connection, name = self.exchange.connection.twin(), self.exchange.endpoint.server_name
        with suppress(AddressRefusedError):
            flight = hear_flight(connection, name, limit, to_its_end=True)
            if flight.asks_client_certificate and flight.error:
                names = flight.client_authorities
                authorities: dict[str, Fact] = {"authorities": names} if names else {}
                return Failed(CLIENT_CERTIFICATE, **self.failed.finding.facts, **authorities)
        return None

    def _takes_tls(self, limit: Deadline) -> bool:
        """Return whether the port shakes hands, or refuses to in TLS's own words."""
        if self.exchange.endpoint.scheme == "https":
            return False
        with self.exchange.connection.twin() as twin:
            twin.open(limit)
            try:
                twin.secure(TlsClient(unverified(), self.exchange.endpoint.server_name), limit)
            except ssl.SSLError as error:
                return "ALERT" in (error.reason or "")
            return True

    def _takes_http2(self, limit: Deadline) -> bool:
        with self.exchange.connection.double() as double:
            double.reopen(limit)
            double.send(HTTP2_PREFACE, limit)
            greeting = b""
            while len(greeting) < _FRAME_HEADER_BYTES and (more := double.receive(limit)):
                greeting += more
            return is_http2(greeting)


def unanswered(failed: Failed, exchange: Exchange) -> Failed:
    """Return `failed` with a look that can tell a better cause, where there may be one."""
    if failed.cause not in (CLIENT_CERTIFICATE, EMPTY_REPLY, NO_RESPONSE, RESET):
        return failed
    return Unexplained(failed, _Look(failed, exchange))
