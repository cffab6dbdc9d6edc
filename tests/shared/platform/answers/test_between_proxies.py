import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.between_proxies import (
    ROUTE_MISSING,
    SECOND_LEG_NAME,
    SECOND_LEG_TLS,
    SECOND_LEG_VERSION,
    between_proxies,
)
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import response, said

SNI = b"the requested host name does not match the Server Name Indication (SNI) in use"
ROUTER = b"The application is currently not serving requests at this endpoint."
ENVOY = b"upstream connect error or disconnect/reset before headers. TLS_error:|268435581"
APACHE = b"Reason: <strong>Error during SSL Handshake with remote server</strong>"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(421, SNI), SECOND_LEG_NAME),
        (response(426, b"Upgrade Required", server="istio-envoy"), SECOND_LEG_VERSION),
        (response(505), SECOND_LEG_VERSION),
        (response(525, server="cloudflare"), SECOND_LEG_TLS),
        (response(526, b"Invalid SSL certificate", server="cloudflare"), SECOND_LEG_TLS),
        (response(503, ENVOY, server="envoy"), SECOND_LEG_TLS),
        (response(502, APACHE), SECOND_LEG_TLS),
        (response(503, ROUTER), ROUTE_MISSING),
        (response(404, b'{"message":"no Route matched with those values"}'), ROUTE_MISSING),
        (response(404, x_cf_routererror="unknown_route"), ROUTE_MISSING),
    ],
)
def test_a_fault_behind_a_proxy_is_told_as_that(answer: HttpResponse, cause: Cause) -> None:
    """What this service sent is known, so what arrived otherwise was changed on the way."""
    failed = between_proxies(answer)

    assert failed
    assert failed.cause is cause
    assert said(failed).isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        response(421),
        response(426, upgrade="websocket"),
        response(426, upgrade="TLS/1.0, HTTP/1.1"),
        response(502, b"Bad Gateway"),
        response(404, b"SSL handshake failed"),
    ],
)
def test_a_bare_status_proves_no_fault_behind_a_proxy(answer: HttpResponse) -> None:
    """The server itself may mean what it says."""
    assert between_proxies(answer) is None
