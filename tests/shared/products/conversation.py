"""Talk to a product's flows as a platform would, without a network."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from pydantic import SecretStr

from shared.diagnosis.facts import checked
from shared.diagnosis.outcomes import Facts, Failed
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.product import Credentials
from worker.http.exchange import HEADER_TIMEOUT

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 17, 43, 52, tzinfo=UTC)
NOW_AS_HEADER = "Mon, 23 Nov 2026 17:43:52 GMT"

KNOWN: Facts = {
    "host": "cloud.example.com",
    "port": 443,
    "product": "the product",
    "default_port": 443,
    "usual_port": 443,
    "access_key_is": "user",
    "secret_key_is": "password",
}
"""What is true of every job, which every sentence is filled with."""

Answer = Callable[[HttpRequest], HttpResponse]


def key_pair(access_key: str, secret_key: str) -> Credentials:
    """Return a caller's key pair."""
    return Credentials(SecretStr(access_key), SecretStr(secret_key))


def answer(status: int, body: object = b"", reason: str = "", **headers: str) -> HttpResponse:
    """Return a response; a body that is neither text nor bytes is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, reason, named, body, NOW)


def silent(_: HttpRequest) -> HttpResponse:
    """Be the rule of a platform that never answers."""
    raise Failed(HEADER_TIMEOUT)


class Platform:
    """Answers requests, one after another or by a rule, and remembers them."""

    def __init__(self, *answers: HttpResponse, rule: Answer | None = None) -> None:
        self._answers = iter(answers)
        self._rule = rule
        self.asked: list[HttpRequest] = []
        self.sign_outs: list[HttpRequest] = []
        """What ends the sessions that were opened."""

    def talk(self, flow: Flow[T]) -> T:
        """Return what the flow found out."""
        try:
            request = next(flow)
            while True:
                self.asked.append(request)
                try:
                    given = self._answer(request)
                except Failed as failed:  # no answer arrives
                    request = flow.throw(failed)
                    continue
                if request.sign_out and (sign_out := request.sign_out(given)):
                    self.sign_outs.append(sign_out)
                request = flow.send(given)
        except StopIteration as finished:
            result: T = finished.value
            return result

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if self._rule:
            return self._rule(request)
        found = next(self._answers, None)
        assert found, f"one request more than expected: {request.method} {request.path}"
        return found

    def failure(self, flow: Flow[T]) -> Failed:
        """Return how the flow fails; the sentences for it must come out whole."""
        with pytest.raises(Failed) as caught:
            self.talk(flow)
        for finding in caught.value.findings:
            assert checked(finding.facts).keys() == finding.facts.keys()
            assert finding.summary(KNOWN).isprintable()
            assert all(finding.remedies(KNOWN))
        return caught.value

    @property
    def paths(self) -> list[str]:
        """The method and the path of each request, without the query."""
        return [f"{request.method} {request.path.partition('?')[0]}" for request in self.asked]
