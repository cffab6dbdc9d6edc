"""Answers that no product's table knows: what their status proves, and no more."""

import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.intermediaries import (
    HTTP_429_RATE_LIMITED,
    HTTP_502_504_GATEWAY,
    WAF_BLOCK,
)
from shared.platform.answers.not_the_product import (
    CLIENT_CERT_REQUIRED,
    HTML_NOT_API,
    HTTP_500,
    SCHEMA_UNEXPECTED,
)
from shared.platform.answers.redirects import REDIRECT_TO_LOGIN
from shared.platform.answers.unexplained import (
    CALL_MISSING,
    CALL_REFUSED,
    CALL_REJECTED,
    REFUSED_LATER,
    SIGN_IN_FORBIDDEN,
    SIGN_IN_REFUSED,
    refused_call,
    refused_sign_in,
)
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import response, said

NO_CERTIFICATE = b"<html>400 No required SSL certificate was sent</html>"
# Those of which it does not matter what was asked.
_SAME = [
    (response(500, b"panic"), HTTP_500),
    (response(530), HTTP_500),
    (response(502), HTTP_502_504_GATEWAY),
    (response(429), HTTP_429_RATE_LIMITED),
    (response(403, b"Attention Required! | Cloudflare"), WAF_BLOCK),
    (response(400, NO_CERTIFICATE), CLIENT_CERT_REQUIRED),
    (response(302, location="http://cloud.example.com/login"), REDIRECT_TO_LOGIN),
    (response(400, b'{"message": "bad"}'), CALL_REJECTED),
    (response(432), CALL_REJECTED),
    (response(404), CALL_MISSING),
    (response(501), CALL_MISSING),
    (response(200, b'{"error": {"code": "E1"}}'), CALL_REJECTED),
    (response(200, b"<html>Welcome</html>"), HTML_NOT_API),
    (response(200, b"{}"), SCHEMA_UNEXPECTED),
]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        *_SAME,
        (response(401), SIGN_IN_REFUSED),
        (response(403), SIGN_IN_FORBIDDEN),
        (response(401, b"<html>Sign in</html>"), SIGN_IN_FORBIDDEN),
    ],
)
def test_a_sign_in_is_judged_by_the_status(answer: HttpResponse, cause: Cause) -> None:
    """Never as an unknown schema, and never as a wrong key that nothing has shown to be wrong."""
    assert refused_sign_in(answer).cause is cause


@pytest.mark.parametrize(
    ("answer", "cause"),
    [*_SAME, (response(401), REFUSED_LATER), (response(403), CALL_REFUSED)],
)
def test_a_call_after_the_sign_in_does_not_blame_the_key(
    answer: HttpResponse, cause: Cause
) -> None:
    """The platform has accepted it a moment before."""
    failed = refused_call(answer, "listZones")

    assert failed.cause is cause
    assert not failed.cause.is_rejection


def test_a_page_is_told_with_its_title() -> None:
    """It shows who has answered in the platform's place."""
    page = response(403, b"<html><title>Corporate gateway</title></html>")

    assert "a web page titled Corporate gateway." in said(refused_sign_in(page))
