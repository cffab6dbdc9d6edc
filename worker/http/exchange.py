"""Exchange HTTP/1.1 messages over an open connection, within limits."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED
from shared.platform.answers.said import hearing
from shared.platform.http import USER_AGENT, Flow, HttpRequest, HttpResponse
from worker.deadline import Deadline
from worker.http.response_reader import EMPTY_REPLY, TRUNCATED, ResponseReader
from worker.tcp.causes import ANSWER_LOST, UNACKNOWLEDGED
from worker.tcp.connection import AddressRefusedError, Connection, PinChangedError
from worker.tls.certificate_causes import A_VALID_ONE, PIN_CHANGED, THE_PINNED_ONE, cause_of
from worker.tls.verify_codes import verdict_facts

T = TypeVar("T")
Connecting = Callable[[Endpoint, Deadline], AbstractContextManager[Connection]]

EXCHANGE_S = 10.0
# A value in one or more Set-Cookie headers (RFC 6265 4.1.1); a date has a comma and no "=".
_COOKIE = re.compile(r"(?:^|, )[^=;,\s]{1,100}=([^;,\s]{1,4096})")

HEADER_TIMEOUT = Cause(
    code="http.header_timeout",
    owner="platform",
    summary="{host} accepted the request on port {port} but did not answer within {waited_s} s",
    remedies=(
        "Check that the service on port {port} is healthy: it accepts connections but does not "
        "answer.",
        "Check that port {port} is the API port.",
    ),
)
BODY_TIMEOUT = Cause(
    code="http.body_timeout",
    owner="platform",
    summary="{host} started to answer on port {port} but did not finish within {waited_s} s",
    remedies=(
        ("Check the load of {host} and of the devices in between: the answer arrives too slowly."),
    ),
)
RESET = Cause(
    code="http.reset",
    owner="network",
    summary="The connection to {host} port {port} was reset before the answer arrived",
    remedies=(
        "Check that port {port} serves HTTP, and look for a firewall or a proxy that resets "
        "[connections from {source}|the connection].",
        "Try https:// if the port expects TLS.",
    ),
    field="endpoint",
)
REOPEN_FAILED = Cause(
    code="tcp.reopen_failed",
    owner="platform",
    summary="{host} accepted one connection on port {port} but not the next ({error})",
    remedies=("Look for a connection limit or an unstable load balancer in front of {host}.",),
)
BROKE_OFF = Cause(
    code="tls.broke_off",
    owner="platform",
    summary="{host} ended the TLS connection with {alert}",
    remedies=("Look for the reason in the TLS log of {host} or of its load balancer.",),
)


Learner = Callable[[Mapping[str, str]], None]
"""Receives the headers and the query of each request before it is sent."""


class Exchange:
    """Requests and responses over one connection, reopened to the same address if needed.

    `connect` opens a connection to another endpoint, for the few requests that need one.
    """

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        connect: Connecting | None = None,
        learn: Learner = lambda _: None,
    ) -> None:
        self._learn = learn
        self.connection = connection
        self.endpoint = endpoint
        self.last: HttpResponse | None = None
        """The latest response, for investigations."""
        self.sign_outs: list[HttpRequest] = []
        """What ends the sessions that the platform has opened, the oldest first."""
        self._connect = connect
        self._host = endpoint.host_header
        self._is_used = False

    def ask(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        """Send `request` and return the response to it, within EXCHANGE_S and `deadline`.

        A connection that the platform has closed between two requests is reopened. A request that
        presents credentials is never sent twice.

        Raises:
            Failed: with one of the causes of this module or of worker.http.response_reader.
        """
        deadline = deadline.at_most(EXCHANGE_S)
        self._learn({**request.headers, **_query_of(request)})
        if request.at:
            return self._ask_at(request.at, replace(request, at=None), deadline)
        if not self._is_used:
            self._is_used = True
            return self._send_and_read(request, deadline)
        if not self.connection.is_idle:
            self._reopen(deadline)
            return self._send_and_read(request, deadline)
        try:
            response = self._send_and_read(request, deadline)
            # The connection was idle for too long (RFC 9110 15.5.9); the request was not read.
            if response.status != HTTPStatus.REQUEST_TIMEOUT or request.presents_credentials:
                return response
        except Failed as failed:
            if request.presents_credentials or failed.cause not in (EMPTY_REPLY, RESET):
                raise
        self._reopen(deadline)
        return self._send_and_read(request, deadline)

    def follow(self, flow: Flow[T], deadline: Deadline, given: HttpResponse | None = None) -> T:
        """Send the requests of `flow`, and return its result.

        `given` is an answer that the flow has from before and judges first. A request that fails
        raises at the flow's `yield`: a flow may go on without the answer.

        Raises:
            Failed: as the flow judges an answer, with what that says; or a cause of this module.
        """
        try:
            with hearing(given):
                request = next(flow)
            while True:
                request = self._next(flow, request, deadline)
        except StopIteration as done:
            result: T = done.value
            return result

    def _next(self, flow: Flow[T], request: HttpRequest, deadline: Deadline) -> HttpRequest:
        if self.last:  # many tests may wait at once, each for the next answer of such a platform
            self.last.forget_json()
        try:
            answer = self.ask(request, deadline)
        except Failed as failed:
            return flow.throw(failed)
        with hearing(answer):
            return flow.send(answer)

    def _ask_at(self, endpoint: Endpoint, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        if self._connect is None:
            raise ValueError("no connection to other endpoints is available")
        try:
            with self._connect(endpoint, deadline) as connection:
                return Exchange(connection, endpoint).ask(request, deadline)
        except Failed as failed:
            place: Facts = {"host": endpoint.server_name, "port": endpoint.port or 0}
            raise Failed(failed.cause, **{**place, **failed.finding.facts}) from None

    def _reopen(self, deadline: Deadline) -> None:
        try:
            self.connection.reopen(deadline)
        except PinChangedError as error:
            raise Failed(PIN_CHANGED, sha256=error.sha256, elsewhere=THE_PINNED_ONE) from None
        except ssl.SSLCertVerificationError as error:  # the connection before it was accepted
            verdict = verdict_facts(error)
            raise Failed(cause_of(error.verify_code), **verdict, elsewhere=A_VALID_ONE) from None
        except AddressRefusedError as error:  # what a name of ours means may change meanwhile
            facts = error.failed.finding.facts
            raise Failed(error.failed.cause, where=self.endpoint.server_name, **facts) from None
        except OSError as error:  # TimeoutError and SSLError are OSErrors
            raise Failed(REOPEN_FAILED, error=type(error).__name__) from None

    def _send_and_read(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        url = f"{self.endpoint.scheme}://{self._host}{request.path}"
        shows_bytes = not request.presents_credentials
        reader = ResponseReader(shows_bytes=shows_bytes, url=url, request=request)
        wire, out_of_order = self._wire(request), self.connection.out_of_order
        try:
            with _causes_of_errors(reader, deadline):
                self._send(wire, deadline)
                while not reader.complete:
                    content = self.connection.receive(deadline)
                    if content:
                        reader.feed(content)
                    else:
                        reader.end()
        except Failed as failed:
            silent = self._silent(failed, out_of_order)
            self.connection.close()  # the rest of this answer must not be taken for the next one
            raise silent from None
        finally:
            self._note_session(request, reader)
        if not reader.keeps_alive:
            self.connection.close()
        self.last = reader.response()
        if request.presents_credentials:
            self._learn(_sessions_in(self.last))
        return self.last

    def _silent(self, failed: Failed, out_of_order_before: int) -> Failed:
        """Return what the kernel knows of a silence: whether the other side has the request."""
        if failed.cause not in (HEADER_TIMEOUT, BODY_TIMEOUT):
            return failed
        path = self.connection.path()
        if path.loses_ours and failed.cause is HEADER_TIMEOUT:
            return Failed(UNACKNOWLEDGED, **{**failed.finding.facts, **path.of_lost_packets})
        if lost := path.out_of_order - out_of_order_before:
            return Failed(ANSWER_LOST, **failed.finding.facts, out_of_order=lost)
        return failed

    def _note_session(self, request: HttpRequest, reader: ResponseReader) -> None:
        """Note how to end the session that an answer has opened, also if its body is cut off."""
        if request.sign_out and reader.headers_complete:
            sign_out = request.sign_out(reader.response())
            self.sign_outs += [sign_out] if sign_out else []

    def _send(self, wire: bytes, deadline: Deadline) -> None:
        """Send `wire`; an answer that arrived before the connection closed counts more."""
        try:
            self.connection.send(wire, deadline)
        except TimeoutError:
            raise
        except OSError:
            return

    def _wire(self, request: HttpRequest) -> bytes:
        headers = {
            "Host": self._host,
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # so that no decompression bomb can arrive
            **request.headers,
        }
        if request.body or request.method in ("POST", "PUT"):
            headers["Content-Length"] = str(len(request.body))
        lines = [f"{request.method} {request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a request line contains a line break")
        return "\r\n".join([*lines, "", ""]).encode() + request.body


def _sessions_in(answer: HttpResponse) -> dict[str, str]:
    """Return the sessions that a platform opens: error texts and redirects may repeat them."""
    given = answer.headers.items()
    tokens = {name: value for name, value in given if name.endswith(("token", "session-id"))}
    cookies = " ".join(_COOKIE.findall(answer.headers.get("set-cookie", "")))
    return {**tokens, **({"cookie": cookies} if cookies else {})}


def _query_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters in the URL, where some platforms have the signature."""
    return dict(parse_qsl(request.path.partition("?")[2]))


@contextmanager
def _causes_of_errors(reader: ResponseReader, deadline: Deadline) -> Iterator[None]:
    """Turn the errors of a socket into their causes."""
    try:
        yield
    except TimeoutError:
        cause = BODY_TIMEOUT if reader.received_bytes else HEADER_TIMEOUT
        raise Failed(cause, waited_s=deadline.waited_s) from None
    except ssl.SSLEOFError:  # closed without close_notify, as many servers do
        reader.end()
    except ssl.SSLError as error:
        raise _tls_failure(error) from None
    except OSError as error:
        if reader.received_bytes:
            raise Failed(TRUNCATED, received_bytes=reader.received_bytes) from None
        raise Failed(RESET, error=type(error).__name__) from None


def _tls_failure(error: ssl.SSLError) -> Failed:
    # With TLS 1.3, a missing client certificate is rejected at the first read (RFC 8446 4.4.2.4).
    if "CERTIFICATE_REQUIRED" in (error.reason or "") or "BAD_CERTIFICATE" in (error.reason or ""):
        return Failed(CLIENT_CERT_REQUIRED, alert=error.reason or "")
    return Failed(BROKE_OFF, alert=error.reason or "an unknown error")
