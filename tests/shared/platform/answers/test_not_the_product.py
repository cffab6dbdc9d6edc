import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.between_proxies import SECOND_LEG_VERSION
from shared.platform.answers.intermediaries import (
    HTTP_429_RATE_LIMITED,
    HTTP_502_504_GATEWAY,
    WAF_BLOCK,
)
from shared.platform.answers.not_the_product import (
    AUTH_SCHEME_UNSUPPORTED,
    CLIENT_CERT_REQUIRED,
    HTML_NOT_API,
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_404_BASE_PATH,
    HTTP_405_406_415,
    HTTP_500,
    TLS_ON_HTTP_URL,
    WRONG_PRODUCT,
    not_the_product,
)
from shared.platform.answers.redirects import (
    REDIRECT_NOWHERE,
    REDIRECT_OTHER_HOST,
    REDIRECT_TO_LOGIN,
)
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import KNOWN, response, said

NGINX = b"<html>400 The plain HTTP request was sent to HTTPS port</html>"
APACHE = b"You're speaking plain HTTP to an SSL-enabled server port.<br />"
TOMCAT = b"Bad Request\r\nThis combination of host and port requires TLS.\r\n"
GO = b"Client sent an HTTP request to an HTTPS server.\n"
NO_CERTIFICATE = b"<html><title>400 No required SSL certificate was sent</title></html>"
NO_SECOND_HANDSHAKE = b"<p>Reason: Cannot perform Post-Handshake Authentication.<br />"
LOGIN = b"<html><form><input name=p type='password'></form>"
OTHER = Cause(code="x", owner="platform", summary="{host}", remedies=("Do.",))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(301, location="https://other.example/"), REDIRECT_OTHER_HOST),
        (response(302), REDIRECT_NOWHERE),
        (response(400, NGINX), TLS_ON_HTTP_URL),
        (response(400, APACHE), TLS_ON_HTTP_URL),
        (response(400, TOMCAT), TLS_ON_HTTP_URL),
        (response(400, GO), TLS_ON_HTTP_URL),
        (response(400, NO_CERTIFICATE), CLIENT_CERT_REQUIRED),
        (response(403, NO_SECOND_HANDSHAKE), CLIENT_CERT_REQUIRED),
        (response(200, NO_CERTIFICATE), HTML_NOT_API),
        (response(400, b"missing parameter"), HTTP_400_BAD_REQUEST),
        (response(401, www_authenticate='Basic realm="x"'), AUTH_SCHEME_UNSUPPORTED),
        (response(401), WRONG_PRODUCT),
        (response(403, b"<html>403 Forbidden</html>"), HTTP_403_FORBIDDEN),
        (response(403, b"<h1>403 Forbidden</h1>", server="awselb/2.0"), WAF_BLOCK),
        (response(404, b"<html>not found</html>"), HTTP_404_BASE_PATH),
        (response(404), HTTP_404_BASE_PATH),
        (response(405, allow="POST"), HTTP_405_406_415),
        (response(406), HTTP_405_406_415),
        (response(415), HTTP_405_406_415),
        (response(501, b"no such file"), HTTP_405_406_415),
        (response(500, b"panic"), HTTP_500),
        (response(505), SECOND_LEG_VERSION),
        (response(502, b"<html>Bad Gateway</html>"), HTTP_502_504_GATEWAY),
        (response(429, b"slow down"), HTTP_429_RATE_LIMITED),
        (response(200, b"<!doctype html><p>Welcome"), HTML_NOT_API),
        (response(200, LOGIN), REDIRECT_TO_LOGIN),
        (response(200, b'{"openapi": "3.1.0"}'), WRONG_PRODUCT),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, HttpResponse) else value.code,
)
def test_what_answered_instead_is_told(answer: HttpResponse, cause: Cause) -> None:
    """'Not ZStack' alone would leave the caller to find out what it is."""
    failed = not_the_product(answer)

    assert failed.cause is cause
    assert said(failed).isprintable()


def test_a_web_page_is_called_by_its_title() -> None:
    """'Synology DiskStation' tells a caller at once whose address it is."""
    failed = not_the_product(response(200, b"<html><title lang=en>\n My  NAS </title>"))

    assert "titled My NAS," in failed.finding.summary(KNOWN)


def test_a_sign_in_of_a_gateways_own_is_told_with_its_kinds() -> None:
    """NTLM is never answered, so its name is all that can be used."""
    challenge = 'Negotiate, NTLM, Basic realm="a, Digest b", charset="UTF-8"'

    failed = not_the_product(response(401, www_authenticate=challenge))

    assert failed.cause is AUTH_SCHEME_UNSUPPORTED
    assert failed.finding.facts["schemes"] == ("Negotiate", "NTLM", "Basic")


def test_a_failing_platform_is_told_with_the_id_in_its_log() -> None:
    """Its operator finds the reason by it."""
    assert "request ID is 4f-2a" in said(not_the_product(response(500, x_request_id="4f-2a")))


def test_hostile_text_is_neutralised() -> None:
    """Titles, headers and references are the platform's text in our sentences."""
    evil = "\x1b[2J{host.__class__}" + "x" * 5000
    answers = [
        response(200, f"<html><title>{evil}</title>".encode()),
        response(405, allow=evil),
        response(500, x_request_id=evil),
        response(401, www_authenticate=evil),
    ]

    for answer in answers:
        text = said(not_the_product(answer))
        assert text.isprintable()
        assert len(text) < 1000
