"""Recognize what answered if it is not the expected product."""

import re

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.between_proxies import between_proxies
from shared.platform.answers.client_certificates import demands_certificate, rejected_certificate
from shared.platform.answers.intermediaries import in_between, seen
from shared.platform.answers.redirects import REDIRECT_TO_LOGIN, redirected
from shared.platform.answers.said import Said
from shared.platform.http import USER_AGENT, HttpResponse

TLS_ON_HTTP_URL = Cause(
    code="tls.tls_on_http_url",
    owner="caller",
    summary="{host} expects TLS on port {port}, but was tested over plain http",
    remedies=("Use https:// in the endpoint.",),
    field="endpoint",
)
CLIENT_CERT_REQUIRED = Cause(
    code="tls.client_cert_required",
    owner="caller",
    summary="{host} requires a client certificate on port {port}[, issued by {authorities}]",
    remedies=(
        "Use a port of the API that needs only the key pair.",
        "Configure {host} not to require a client certificate on port {port} from callers with a "
        "key pair.",
    ),
    field="endpoint",
)
HTML_NOT_API = Cause(
    code="http.html_not_api",
    owner="caller",
    summary=(
        "{host} port {port} answers with a web page (status {status})[, titled {title}], not with "
        "an API response"
    ),
    remedies=(
        "Use the address and port of {product}'s API, not of a web page[; its usual port is "
        "{usual_port}].",
    ),
    field="endpoint",
)
WRONG_PRODUCT = Cause(
    code="api.wrong_product",
    owner="caller",
    summary=(
        "{host} port {port} answers with status {status}, but not in the way {product} does[; it "
        "repeats {repeated}, as servers for tests do]"
    ),
    remedies=(
        "Check that the endpoint is {product}'s API and that its path is correct.",
        "Set productType to the platform that is actually at {host}.",
    ),
    field="endpoint",
)
WRONG_PORT_ROLE = Cause(
    code="api.wrong_port_role",
    owner="caller",
    summary=(
        "Port {port} of {host} serves {product}'s web UI[ ({web_ui})], not its API[; the API "
        "answers on port {api_port}]"
    ),
    remedies=("Use port {default_port}, where {product} usually serves its API.",),
    field="endpoint",
)
STARTING_UP = Cause(
    code="api.starting_up",
    owner="platform",
    summary="{product} on {host} is not ready yet[ ({error_code})]",
    remedies=(
        "Wait until {product} has started on {host}, then test again.",
        "If it does not get ready, look for the reason in its own log on {host}.",
    ),
)
NOT_DEPLOYED = Cause(
    code="api.not_deployed",
    owner="platform",
    summary=(
        "{container} answers {status} on {host} port {port}, but {product}'s management server is "
        "not deployed in it, or not yet"
    ),
    remedies=(
        "Wait until {product} has started on {host}, then test again.",
        "If it does not start, look for the reason in the log of its management server.",
        "Check that port {port} and the path belong to {product}[; its usual port is "
        "{usual_port}].",
    ),
)
SCHEMA_UNEXPECTED = Cause(
    code="api.schema_unexpected",
    owner="platform",
    summary=(
        "{host} answers with status {status} in a form that {product} is not known to use[: "
        "{missing} is missing]"
    ),
    remedies=("Report this to the operators of this service, with the version of the platform.",),
)

HTTP_400_BAD_REQUEST = Cause(
    code="http.400_bad_request",
    owner="caller",
    summary="{host} port {port} rejects {product}'s first request as invalid (400)",
    remedies=(
        "Check that port {port} is {product}'s API[; its usual port is {usual_port}].",
        "Look for the reason in the log of the service on {host}.",
    ),
    field="endpoint",
)
AUTH_SCHEME_UNSUPPORTED = Cause(
    code="auth.scheme_unsupported",
    owner="platform",
    summary=(
        "{host} port {port} requires a sign-in of its own ({schemes}) in front of {product}'s API"
    ),
    remedies=(
        "Exempt the path of the API from the gateway's sign-in on {host}.",
        "Use the address of {product}'s API itself.",
    ),
)
HTTP_403_FORBIDDEN = Cause(
    code="http.403_forbidden",
    owner="platform",
    summary="{host} port {port} rejects the request before any sign-in (403)",
    remedies=(
        "Look in the log of {host}, or of the proxy in front of it, why the request is rejected[; "
        "the request ID is {reference}].",
        "If an access list rejects it, allow [{source}|this service's address].",
        "Check that the endpoint is {product}'s API[; its usual port is {usual_port}].",
    ),
)
HTTP_404_BASE_PATH = Cause(
    code="http.404_base_path",
    owner="caller",
    summary="{host} port {port} finds nothing[ at {asked}] (404)",
    remedies=(
        "[Check the routes of {gateway}, which answers at {host}: none may fit this name and "
        "path.]",
        "Check the endpoint's path, and that port {port} is {product}'s API[; its usual port is "
        "{usual_port}].",
        "Set productType to the platform that is actually at {host}.",
    ),
    field="endpoint",
)
HTTP_405_406_415 = Cause(
    code="http.405_406_415",
    owner="caller",
    summary="{host} port {port} does not accept {product}'s first request (status {status})",
    remedies=(
        "Set productType to the platform that is actually at {host}.",
        "Check that no proxy in front of {host} limits the methods[; it allows {allowed}].",
    ),
    field="endpoint",
)
HTTP_500 = Cause(
    code="http.500",
    owner="platform",
    summary="{host} port {port} answers {status}: an error inside the service",
    remedies=(
        "Look for the reason in the log of the service on {host}[; the request ID is {reference}].",
    ),
)

# nginx sends it with 400, as Apache and Tomcat do; the last one is from Go's net/http.
_TLS_PORT_SAYS = (
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "combination of host and port requires TLS",
    "HTTP request to an HTTPS server",
)
_CAUSE_BY_STATUS = {
    400: HTTP_400_BAD_REQUEST,
    403: HTTP_403_FORBIDDEN,
    404: HTTP_404_BASE_PATH,
    405: HTTP_405_406_415,
    406: HTTP_405_406_415,
    415: HTTP_405_406_415,
    501: HTTP_405_406_415,
}
_CONTAINERS = (("Apache Tomcat", "Tomcat"), ("Powered by Jetty", "Jetty"))
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]{1,20})(?=\s|,|$)")
_QUOTED = re.compile(r'"[^"]*"')
_PASSWORD_FIELD = re.compile(r"type=[\"']?password", re.IGNORECASE)

UNSURE = (
    WRONG_PRODUCT,
    HTML_NOT_API,
    REDIRECT_TO_LOGIN,
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_404_BASE_PATH,
    HTTP_405_406_415,
)
"""Causes that an investigation may improve on, because it is unknown yet what answers."""


def not_the_product(response: HttpResponse) -> Failed:
    """Return the failure that best describes what answers the first requests instead."""
    if failed := redirected(response) or at_another_layer(response) or in_between(response):
        return failed
    if response.status >= 400:
        return _by_status(response)
    repeated = {"repeated": "what it is asked"} if USER_AGENT in response.beginning else {}
    return page_instead(response) or Failed(WRONG_PRODUCT, **seen(response), **repeated)


def page_instead(response: HttpResponse) -> Failed | None:
    """Return the failure that names a web page which came instead of an answer; None if none."""
    if not response.looks_like_html:
        return None
    is_login = response.status < 400 and _PASSWORD_FIELD.search(response.beginning)
    return Failed(REDIRECT_TO_LOGIN if is_login else HTML_NOT_API, **seen(response))


def at_another_layer(response: HttpResponse) -> Failed | None:
    """Return the failure if the server says that the connection is wrong, not the request."""
    if response.status in (400, 497) and any(map(response.says, _TLS_PORT_SAYS)):
        return Failed(TLS_ON_HTTP_URL, status=response.status)
    if demands_certificate(response):
        return Failed(CLIENT_CERT_REQUIRED, status=response.status)
    return rejected_certificate(response) or between_proxies(response)


def schemes_of(response: HttpResponse) -> tuple[str, ...]:
    """Return the schemes of the sign-in that the server demands (RFC 9110 11.6.1)."""
    challenge = response.headers.get("www-authenticate", "")
    return tuple(_SCHEME.findall(_QUOTED.sub("", challenge[:500])))


def not_deployed(response: HttpResponse) -> Failed | None:
    """Return the failure of a Java product whose servlet container answers in its place.

    The containers' own error pages name them (Tomcat's ErrorReportValve, Jetty's ErrorHandler).
    """
    if response.status not in (404, 503):
        return None
    named = (name for mark, name in _CONTAINERS if response.says(mark))
    container = next(named, "")
    return Failed(NOT_DEPLOYED, **seen(response), container=container) if container else None


def may_be_refused_alone(response: HttpResponse) -> bool:
    """Return whether only a sign-in can show what this is: it is refused, and nothing else said.

    Gateways, and platforms that are set up to hide, answer every request without a key like this.
    What names itself, shows a page or wants a sign-in of another scheme is not meant.
    """
    is_refusal = response.status in (401, 403) and not response.looks_like_html
    others = {scheme.lower() for scheme in schemes_of(response)} - {"bearer"}
    return is_refusal and not others and not (at_another_layer(response) or in_between(response))


def _by_status(response: HttpResponse) -> Failed:
    facts, status = seen(response), response.status
    schemes = schemes_of(response)
    if status == 401 and schemes:
        return Failed(AUTH_SCHEME_UNSUPPORTED, schemes=schemes, **facts)
    if status >= 500 and status not in _CAUSE_BY_STATUS:
        return Failed(HTTP_500, **reference(response), **facts)
    facts |= reference(response)
    if allowed := response.headers.get("allow"):
        facts["allowed"] = allowed
    if response.url:
        facts["asked"] = response.url
    cause = _CAUSE_BY_STATUS.get(status)
    page = None if cause else page_instead(response)
    return page or Failed(cause or WRONG_PRODUCT, **facts)


def reference(response: HttpResponse) -> dict[str, Fact]:
    """Return the ID of the request in the platform's log, if the response has one."""
    given = Said.of(response).reference
    return {"reference": given} if given else {}
