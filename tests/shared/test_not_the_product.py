from datetime import UTC, datetime

import pytest

from shared.causes import Cause
from shared.http import HttpResponse
from shared.not_the_product import (
    GATEWAY,
    NOT_AN_API,
    RATE_LIMITED,
    REDIRECTED,
    TLS_EXPECTED,
    WRONG_PRODUCT,
    not_the_product,
)
from shared.outcomes import Facts

KNOWN: Facts = {"host": "cloud.example.com", "port": 8080, "product": "ZStack Cloud"}
NGINX = b"<html>400 The plain HTTP request was sent to HTTPS port</html>"
GO = b"Client sent an HTTP request to an HTTPS server.\n"
OTHER = Cause(code="x", owner="platform", summary="{host}", remedies=("Do.",))


def response(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    """Return a platform's response."""
    return HttpResponse(status, "", headers, body, datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(301, location="https://other.example/"), REDIRECTED),
        (response(302, b"<html>", location="/login"), REDIRECTED),
        (response(308, location="http://169.254.169.254/"), REDIRECTED),
        (response(302), WRONG_PRODUCT),  # nowhere to go
        (response(400, NGINX), TLS_EXPECTED),
        (response(400, GO), TLS_EXPECTED),
        (response(400, b"missing parameter"), WRONG_PRODUCT),
        (response(502, b"<html>Bad Gateway</html>"), GATEWAY),
        (response(503), GATEWAY),
        (response(504), GATEWAY),
        (response(429, b"slow down"), RATE_LIMITED),
        (response(200, b"<!doctype html><p>Welcome"), NOT_AN_API),
        (response(404, b"<html>not found</html>"), NOT_AN_API),
        (response(200, b'{"openapi": "3.1.0"}'), WRONG_PRODUCT),
        (response(404), WRONG_PRODUCT),
        (response(500, b"panic"), WRONG_PRODUCT),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, HttpResponse) else value.code,
)
def test_what_answered_instead_is_told(answer: HttpResponse, cause: Cause) -> None:
    """'Not ZStack' alone would leave the caller to find out what it is."""
    failed = not_the_product(answer)

    assert failed.cause is cause
    assert failed.finding.summary(KNOWN).isprintable()
    assert failed.finding.remedies(KNOWN)


def test_an_answer_of_which_nothing_can_be_told_has_the_cause_that_was_asked_for() -> None:
    """After a sign-in it is an unexpected answer, not another product."""
    assert not_the_product(response(418), otherwise=OTHER).cause is OTHER
    assert not_the_product(response(502), otherwise=OTHER).cause is GATEWAY


def test_a_redirect_is_shown_with_where_it_leads() -> None:
    """Redirects are not followed, so the caller has to."""
    failed = not_the_product(response(302, location="https://cloud.example.com/"))

    assert "https://cloud.example.com/" in failed.finding.remedies(KNOWN)[0]


def test_a_hostile_redirect_is_neutralised() -> None:
    """A Location header is the platform's text in our sentence."""
    failed = not_the_product(response(302, location="\x1b[2J{host.__class__}" + "x" * 5000))

    summary = failed.finding.summary(KNOWN)
    assert summary.isprintable()
    assert "{host.__class__}" in summary
    assert len(summary) < 400
