import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.intermediaries import (
    HTTP_421_MISDIRECTED,
    HTTP_429_RATE_LIMITED,
    HTTP_503_MAINTENANCE,
)
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED, TLS_ON_HTTP_URL
from shared.platform.answers.plain_answer import (
    REQUEST_REJECTED,
    SERVER_ERROR,
    SIGN_IN_WANTED,
    doubts_about_answer,
)
from shared.platform.answers.redirects import REDIRECT_LOOP
from tests.shared.platform.responses import ASKED, KNOWN, response

KNOWN_OF_JOB = {**KNOWN, "url": "http://cloud.example.com:8080/"}
NGINX = b"<center>The plain HTTP request was sent to HTTPS port</center>"
GO = b"Client sent an HTTP request to an HTTPS server.\n"
NO_CERTIFICATE = b"<center>No required SSL certificate was sent</center>"


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (400, b"", REQUEST_REJECTED),
        (400, NGINX, TLS_ON_HTTP_URL),
        (400, GO, TLS_ON_HTTP_URL),
        (400, NO_CERTIFICATE, CLIENT_CERT_REQUIRED),
        (401, b"", SIGN_IN_WANTED),
        (403, b"", REQUEST_REJECTED),
        (404, b"", REQUEST_REJECTED),
        (421, b"", HTTP_421_MISDIRECTED),
        (429, b"", HTTP_429_RATE_LIMITED),
        (500, b"", SERVER_ERROR),
        (502, b"", SERVER_ERROR),
        (503, b"", SERVER_ERROR),
        (503, b"Under maintenance", HTTP_503_MAINTENANCE),
        (599, b"", SERVER_ERROR),
    ],
)
def test_an_error_is_a_warning(status: int, body: bytes, cause: Cause) -> None:
    """The server answers, so the test passes; what it answers must not pass in silence."""
    (doubt,) = doubts_about_answer(response(status, body))

    assert doubt.cause.code == cause.code
    assert doubt.cause.severity == "warning"
    assert doubt.facts["status"] == status
    assert "{" not in doubt.summary(KNOWN_OF_JOB)


def test_the_texts_name_what_was_asked_for_and_what_the_server_wants() -> None:
    """A visitor must see which of several addresses it was."""
    (doubt,) = doubts_about_answer(response(401, www_authenticate='Basic realm="Staff"'))

    assert doubt.summary(KNOWN_OF_JOB) == (
        f"cloud.example.com port 8080 requires a sign-in (Basic) for {ASKED} (401)"
    )
    (doubt,) = doubts_about_answer(response(404, x_request_id="r-1"))
    assert doubt.remedies(KNOWN_OF_JOB)[1] == (
        "Look for the reason in the log of the web server on cloud.example.com; the request ID is "
        "r-1."
    )


@pytest.mark.parametrize("location", [ASKED, "/zstack/v1/ready", f"{ASKED}#top"])
def test_a_redirect_to_itself_is_a_warning(location: str) -> None:
    """A browser gives up on it, so somebody will want to know."""
    (doubt,) = doubts_about_answer(response(302, location=location))

    assert doubt.cause.code == REDIRECT_LOOP.code
    assert doubt.cause.severity == "warning"


@pytest.mark.parametrize(
    "headers",
    [
        {"location": ASKED.replace("http:", "https:")},
        {"location": f"{ASKED}?"[:-1] + "/"},
        {"location": "https://elsewhere.example.com/"},
        {"location": ASKED, "set-cookie": "seen=1"},  # no loop for those who keep cookies
        {"location": "http://[broken"},
        {},
    ],
)
def test_any_other_redirect_is_none(headers: dict[str, str]) -> None:
    """To be sent to HTTPS, to a language or to a sign-in page is how web servers work."""
    assert doubts_about_answer(response(302, **headers)) == ()


@pytest.mark.parametrize("status", [200, 204, 206, 304])
def test_a_success_is_none(status: int) -> None:
    """A false alarm costs more trust than a missed fault."""
    assert doubts_about_answer(response(status, b"<title>Welcome to nginx!</title>")) == ()
