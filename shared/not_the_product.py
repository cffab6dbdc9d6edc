"""Say what answered when it was not the product that was looked for."""

from shared.causes import Cause
from shared.http import HttpResponse
from shared.outcomes import Failed

REDIRECTED = Cause(
    code="http.redirected",
    owner="caller",
    summary="{host} port {port} redirects to {location} instead of answering",
    remedies=("Give the address that answers in the end: {location}.",),
    field="endpoint",
)
TLS_EXPECTED = Cause(
    code="tls.tls_on_http_url",
    owner="caller",
    summary="{host} expects TLS on port {port}, but the endpoint was tested over plain http",
    remedies=("Begin the endpoint with https://.",),
    field="endpoint",
)
GATEWAY = Cause(
    code="http.502_504_gateway",
    owner="platform",
    summary="A gateway at {host} port {port} answers {status}: the API behind it does not",
    remedies=(
        "Start the platform's API service, or mend the gateway's route to it.",
        "Give the address of the API itself instead of the gateway's.",
    ),
)
RATE_LIMITED = Cause(
    code="http.429_rate_limited",
    owner="platform",
    summary="{host} answers 429: too many requests",
    remedies=("Wait a minute, then test again.",),
)
NOT_AN_API = Cause(
    code="http.html_not_api",
    owner="caller",
    summary="{host} port {port} answers with a web page (status {status}), not as an API does",
    remedies=("Give the address and port of {product}'s API instead of a web page's.",),
    field="endpoint",
)
WRONG_PRODUCT = Cause(
    code="api.wrong_product",
    owner="caller",
    summary="{host} port {port} answers with status {status}, but not as {product} does",
    remedies=(
        "Check that the endpoint is {product}'s API and that its path is right.",
        "Choose the productType of the platform that really is at {host}.",
    ),
    field="endpoint",
)
UI_PORT = Cause(
    code="api.wrong_port_role",
    owner="caller",
    summary="Port {port} of {host} serves {product}'s web UI, not its API",
    remedies=("Use port {usual_port}, where {product} usually serves its API.",),
    field="endpoint",
)
STARTING_UP = Cause(
    code="api.starting_up",
    owner="platform",
    summary="{product} on {host} is not ready to serve yet[ ({error_code})]",
    remedies=("Wait until {product} has started on {host}, then test again.",),
)
UNEXPECTED = Cause(
    code="api.schema_unexpected",
    owner="platform",
    summary="{host} answers with status {status} in a way that {product} is not known to",
    remedies=("Report this to the operators together with the platform's version.",),
)

# nginx sends it with 400; Go's net/http says "Client sent an HTTP request to an HTTPS server".
_TLS_PORT_SAYS = ("plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server")


def not_the_product(response: HttpResponse, otherwise: Cause = WRONG_PRODUCT) -> Failed:
    """Return the failure that tells best what `response` is instead of the product's answer.

    `otherwise` is the cause for an answer of which nothing can be told.
    """
    if 300 <= response.status < 400 and "location" in response.headers:
        return Failed(REDIRECTED, location=response.headers["location"], status=response.status)
    if response.status == 400 and any(saying in response.text for saying in _TLS_PORT_SAYS):
        return Failed(TLS_EXPECTED, status=response.status)
    for cause, statuses in ((GATEWAY, (502, 503, 504)), (RATE_LIMITED, (429,))):
        if response.status in statuses:
            return Failed(cause, **_seen(response))
    cause = NOT_AN_API if response.looks_like_html else otherwise
    return Failed(cause, **_seen(response))


def _seen(response: HttpResponse) -> dict[str, str | int]:
    return {"status": response.status, "server": response.headers.get("server", "")}
