"""Investigate a request without an answer: find out whether a different request gets one."""

import ssl
from contextlib import suppress
from dataclasses import dataclass

from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED, TLS_ON_HTTP_URL
from shared.platform.http import HttpRequest
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, RESET, Exchange
from worker.http.response_reader import EMPTY_REPLY, HTTP2_ONLY
from worker.investigations.hang_up import why_it_hangs_up
from worker.investigations.investigator import Unexplained
from worker.investigations.other_requests import why_it_closes
from worker.tcp.causes import ANSWER_LOST, MTU_BLACKHOLE, UNACKNOWLEDGED
from worker.tcp.connection import AddressRefusedError, Connection, PinChangedError, TlsClient
from worker.tcp.protocols import FRAME_HEADER_BYTES, HTTP2_PREFACE, is_http2
from worker.tls.handshake_messages import hear_flight
from worker.tls.trust import unverified

LOOK_S = 1.0
SMALL_S = 0.7
_LOOKED_INTO = (
    ANSWER_LOST,
    CLIENT_CERT_REQUIRED,
    EMPTY_REPLY,
    HEADER_TIMEOUT,
    RESET,
    UNACKNOWLEDGED,
)


@dataclass(frozen=True, slots=True)
class _Look:
    """Finds out the reason of `failed` over new connections to the same address."""

    failed: Failed
    exchange: Exchange
    hello: HttpRequest

    def __call__(self, deadline: Deadline) -> Failed | None:
        if self.failed.cause in (ANSWER_LOST, UNACKNOWLEDGED):
            return self._in_small_segments(deadline)
        if self.failed.cause is HEADER_TIMEOUT and (found := self._in_small_segments(deadline)):
            return found
        return self._asked_otherwise(deadline)

    def _asked_otherwise(self, deadline: Deadline) -> Failed | None:
        """Return the failure that another way of asking explains."""
        if self.exchange.endpoint.scheme == "https":
            demand = self._demand(deadline.at_most(LOOK_S))
            if demand or self.failed.cause is CLIENT_CERT_REQUIRED:
                return demand
        for cause, is_seen in ((TLS_ON_HTTP_URL, self._takes_tls), (HTTP2_ONLY, self._takes_http2)):
            with suppress(OSError, AddressRefusedError):  # this check found nothing
                if is_seen(deadline.at_most(LOOK_S)):
                    return Failed(cause, *self.failed.findings)
        if self.failed.cause is HEADER_TIMEOUT:
            return None
        found = why_it_closes(self.failed, self.exchange, deadline)
        return found or why_it_hangs_up(self.exchange.connection, deadline)

    def _in_small_segments(self, deadline: Deadline) -> Failed | None:
        """Return a failure if the request is answered in small packets, and not in others."""
        small = self.exchange.connection.double().in_small_segments()
        usual = self.exchange.connection.double()
        limit = deadline.at_most(SMALL_S)
        if not self._is_answered(small, limit) or self._is_answered(usual, deadline):
            return None
        facts: dict[str, Fact] = {
            "address": str(small.target.ip),
            "segment_bytes": small.segment_bytes,
        }
        return Failed(MTU_BLACKHOLE, *self.failed.findings, **facts)

    def _is_answered(self, again: Connection, deadline: Deadline) -> bool:
        limit = deadline.at_most(LOOK_S)
        with again, suppress(OSError, AddressRefusedError, PinChangedError, Failed):
            again.reopen(limit)
            Exchange(again, self.exchange.endpoint).ask(self.hello, limit)
            return True
        return False

    def _demand(self, limit: Deadline) -> Failed | None:
        """Return a failure if a server that requests a client certificate closes the connection."""
        connection, name = self.exchange.connection.twin(), self.exchange.endpoint.server_name
        with suppress(AddressRefusedError):
            flight = hear_flight(connection, name, limit, to_its_end=True)
            if flight.asks_client_certificate and flight.error:
                names = flight.client_authorities
                authorities: dict[str, Fact] = {"authorities": names} if names else {}
                return Failed(CLIENT_CERT_REQUIRED, **self.failed.finding.facts, **authorities)
        return None

    def _takes_tls(self, limit: Deadline) -> bool:
        """Return whether the port completes a TLS handshake, or rejects it with a TLS alert."""
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
            while len(greeting) < FRAME_HEADER_BYTES and (more := double.receive(limit)):
                greeting += more
            return is_http2(greeting)


def unanswered(failed: Failed, exchange: Exchange, hello: HttpRequest) -> Failed:
    """Return `failed`, with an investigation attached if that may find a better cause.

    `hello` is the request that was not answered; it may be sent again.
    """
    if failed.cause not in _LOOKED_INTO:
        return failed
    return Unexplained(failed, _Look(failed, exchange, hello))
