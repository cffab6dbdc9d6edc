"""Say where a redirect leads; it is not followed with credentials."""

import re
from urllib.parse import urljoin, urlsplit

from shared.diagnosis.causes import Cause
from shared.platform.http import HttpResponse
from shared.diagnosis.outcomes import Fact, Failed

LONGEST_LOCATION = 2048

REDIRECTED = Cause(
    code="http.redirected",
    owner="caller",
    summary="{host} port {port} redirects to {location} instead of answering",
    remedies=("Give the address that answers in the end: {location}.",),
    field="endpoint",
)
TO_HTTPS = Cause(
    code="http.redirect_scheme",
    owner="caller",
    summary="{host} port {port} answers plain http with a redirect to {origin}",
    remedies=("Give {origin} as the endpoint; a key pair is not sent after a redirect.",),
    field="endpoint",
)
TO_OTHER_HOST = Cause(
    code="http.redirect_other_host",
    owner="caller",
    summary="{host} port {port} redirects to another address, {origin}",
    remedies=(
        "Give {origin} as the endpoint, if {product} is there.",
        "Give the address of {product}'s API itself, if {origin} is a portal or a gateway.",
    ),
    field="endpoint",
)
TO_LOGIN = Cause(
    code="http.redirect_to_login",
    owner="caller",
    summary="{host} port {port} wants a person to sign in on a web page[ at {location}]",
    remedies=(
        "Give the address and port of {product}'s API[; its usual port is {usual_port}].",
        "Let the API's path pass without the portal's sign-in, if {host} is behind one.",
    ),
    field="endpoint",
)
LOOP = Cause(
    code="http.redirect_loop",
    owner="platform",
    summary="{host} port {port} redirects in a circle: {hops}",
    remedies=(
        "Set X-Forwarded-Proto right in the proxy before {host}: the server behind it takes "
        "every request for plain http.",
        "Look at the redirects in the configuration of {host} and of what stands before it.",
    ),
)

_LOGIN = re.compile(
    r"(^|[/._?=&-])(log-?in|log-?on|sign-?in|sso|oauth2?|saml2?|cas|adfs|keycloak|openid-connect)"
    r"([/._?=&-]|$)",
    re.IGNORECASE,
)


def target_of(response: HttpResponse) -> str | None:
    """Return the whole URL that `response` redirects to, None if it does not."""
    location = response.headers.get("location", "")
    if not 300 <= response.status < 400 or not location:
        return None
    try:
        return urljoin(response.url, location[:LONGEST_LOCATION])
    except ValueError:  # it is no URL
        return location[:LONGEST_LOCATION]


def redirected(response: HttpResponse) -> Failed | None:
    """Return the failure that says where `response` leads, None if it leads nowhere."""
    target = target_of(response)
    if target is None:
        return None
    facts: dict[str, Fact] = {"location": target, "status": response.status}
    if target == response.url:
        return Failed(LOOP, hops=(response.url, target), **facts)
    there, here = origin_of(target), origin_of(response.url)
    return Failed(_kind(target, there, here), origin=there or target, **facts)


def origin_of(url: str) -> str:
    """Return scheme, host and port of `url`, without a standard port; empty if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_standard = port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if is_standard else f":{port}")


def _kind(target: str, there: str, here: str) -> Cause:
    """Return what the redirect is: what the caller can mend for sure comes first."""
    if _is_secured(target, there, here):
        return TO_HTTPS
    if _LOGIN.search(_behind_the_host(target)):
        return TO_LOGIN
    return TO_OTHER_HOST if here and there and there != here else REDIRECTED


def _is_secured(target: str, there: str, here: str) -> bool:
    if not here.startswith("http://") or not there.startswith("https://"):
        return False
    return urlsplit(target).hostname == urlsplit(here).hostname


def _behind_the_host(url: str) -> str:
    _, scheme_end, rest = url.partition("://")
    return rest.partition("/")[2] if scheme_end else url
