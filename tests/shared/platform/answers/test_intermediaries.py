import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.intermediaries import (
    CAPTIVE_PORTAL,
    HTTP_421_MISDIRECTED,
    HTTP_429_RATE_LIMITED,
    HTTP_502_504_GATEWAY,
    HTTP_503_MAINTENANCE,
    HTTP_503_UNAVAILABLE,
    LONGEST_REST_S,
    NOT_THE_PLATFORM,
    PROXY_AUTH_REQUIRED,
    WAF_BLOCK,
    WRONG_HOST_HEADER,
    in_between,
    retry_after_s,
)
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import response, said

NGINX_503 = b"<html><h1>503 Service Temporarily Unavailable</h1><center>nginx</center></html>"
APACHE_503 = b"unable to service your request due to maintenance downtime or capacity problems"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(511), CAPTIVE_PORTAL),
        (response(407, proxy_authenticate="Basic"), PROXY_AUTH_REQUIRED),
        (response(400, x_squid_error="ERR_INVALID_URL 0"), NOT_THE_PLATFORM),
        (response(421), HTTP_421_MISDIRECTED),
        (response(200, b"<h1>Welcome to nginx!</h1>"), WRONG_HOST_HEADER),
        (response(404, b"default backend - 404"), WRONG_HOST_HEADER),
        (response(429), HTTP_429_RATE_LIMITED),
        (response(503, retry_after="120"), HTTP_503_MAINTENANCE),
        (response(503, b"The platform is under maintenance."), HTTP_503_MAINTENANCE),
        (response(503, "系统维护中".encode()), HTTP_503_MAINTENANCE),
        (response(503), HTTP_503_UNAVAILABLE),
        (response(503, NGINX_503), HTTP_503_UNAVAILABLE),
        (response(503, APACHE_503), HTTP_503_UNAVAILABLE),
        (
            response(503, b"upstream connect error or disconnect/reset before headers"),
            HTTP_502_504_GATEWAY,
        ),
        (response(502), HTTP_502_504_GATEWAY),
        (response(504), HTTP_502_504_GATEWAY),
        (response(522), HTTP_502_504_GATEWAY),
        (response(403, cf_mitigated="challenge"), WAF_BLOCK),
        (response(405, b"https://errors.aliyun.com/error"), WAF_BLOCK),
        (response(418, set_cookie="HWWAFSESID=1"), WAF_BLOCK),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, HttpResponse) else value.code,
)
def test_who_stands_in_between_is_told(answer: HttpResponse, cause: Cause) -> None:
    """The platform's operator can't mend a firewall, and the firewall's not the platform."""
    failed = in_between(answer)

    assert failed
    assert failed.cause is cause
    assert said(failed).isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        response(200, b"{}", server="cloudflare", cf_ray="1"),
        response(403, b"Forbidden"),
        response(404, b"not found", via="1.1 varnish"),
        response(500, b"panic"),
        response(400, x_squid_error="ERR_ZERO_SIZE_OBJECT 0"),
        response(200, b"The FortiWeb manual"),
    ],
)
def test_an_answer_of_the_platforms_own_is_nobody_elses(answer: HttpResponse) -> None:
    """A mark alone accuses nobody: many platforms live behind a gateway that works."""
    assert in_between(answer) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("Mon, 23 Nov 2026 12:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 11:00:00 GMT", None),
        ("0", None),
        ("-5", None),
        (f"{LONGEST_REST_S}", LONGEST_REST_S),
        ("99999999", None),
        ("9" * 5000, None),
        ("\u0661", None),
        ("soon", None),
        ("Mon, 99 Nov 2026 12:02:00 GMT", None),
        ("", None),
    ],
)
def test_a_wait_is_believed_within_reason(header: str, seconds: int | None) -> None:
    """A server that asks for three years would have the caller wait for them."""
    assert retry_after_s(response(429, retry_after=header)) == seconds


def test_a_wait_is_part_of_the_advice() -> None:
    """When to come back is what the caller needs to know."""
    assert "Wait 30 s, then test again." in said(in_between(response(429, retry_after="30")))
    assert "Wait, then test again." in said(in_between(response(429)))


def test_a_firewall_is_named_with_its_reference() -> None:
    """Its operator looks the refusal up by it."""
    body = b"The requested URL was rejected. Please consult with your administrator. "
    failed = in_between(response(200 + 203, body + b"Your support ID is: 123456789"))

    assert "as 123456789" in said(failed)
    assert "F5 ASM" in said(failed)
