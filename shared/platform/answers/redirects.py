"""Report where a redirect leads; it is not followed with credentials."""

import re
from urllib.parse import urljoin, urlsplit

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.icp_filing import blocked_name
from shared.platform.http import HttpResponse

LONGEST_LOCATION = 2048

REDIRECTED = Cause(
    code="http.redirected",
    owner="caller",
    summary="{host} port {port} redirects to {location} instead of answering",
    remedies=(
        "[Use the final address as the endpoint: {usable_location}.]",
        "Ask the administrator of {host} for the address of the API.",
    ),
    field="endpoint",
)
REDIRECT_SCHEME = Cause(
    code="http.redirect_scheme",
    owner="caller",
    summary="{host} port {port} redirects plain http to {origin}",
    remedies=(
        "[Use {usable_origin} as the endpoint; this service does not send a key pair after a "
        "redirect.]",
        "Ask the administrator of {host} for the address of the API over HTTPS.",
    ),
    field="endpoint",
)
REDIRECT_OTHER_HOST = Cause(
    code="http.redirect_other_host",
    owner="caller",
    summary="{host} port {port} redirects to another address, {origin}",
    remedies=(
        "[Use {usable_origin} as the endpoint, if {product} is there.]",
        "Use the address of {product}'s API itself, if the redirect leads to a portal.",
    ),
    field="endpoint",
)
REDIRECT_TO_LOGIN = Cause(
    code="http.redirect_to_login",
    owner="caller",
    summary="{host} port {port} redirects to a sign-in page for people[ at {location}]",
    remedies=(
        "Use the address and port of {product}'s API[; its usual port is {usual_port}].",
        "Exempt the path of the API from the portal's sign-in, if {host} is behind a portal.",
    ),
    field="endpoint",
)
REDIRECT_LOOP = Cause(
    code="http.redirect_loop",
    owner="platform",
    summary="{host} port {port} redirects in a loop: {hops}",
    remedies=(
        "Correct X-Forwarded-Proto in the proxy in front of {host}: the server behind it takes "
        "every request for plain http.",
        "Check the redirects in the configuration of {host} and of the proxies in front of it.",
    ),
)

REDIRECT_NOWHERE = Cause(
    code="http.redirect_nowhere",
    owner="platform",
    summary="{host} port {port} redirects ({status}) without a Location, so nobody can follow",
    remedies=(
        "Correct the redirect in the configuration of {host}.",
        "Look for a proxy in front of {host} that removes the Location header.",
    ),
)

_TO_ELSEWHERE = (301, 302, 303, 307, 308)  # RFC 9110 15.4; the others need no Location
_LOGIN = re.compile(
    r"(^|[/._?=&-])(log-?in|log-?on|sign-?in|sso|oauth2?|saml2?|cas|adfs|keycloak|openid-connect"
    r"|ac_portal|eportal|captive-?portal)"
    r"([/._?=&-]|$)",
    re.IGNORECASE,
)


def target_of(response: HttpResponse) -> str | None:
    """Return the complete URL that `response` redirects to; None if it does not redirect."""
    location = response.headers.get("location", "")
    if not 300 <= response.status < 400 or not location:
        return None
    try:
        return urljoin(response.url, location[:LONGEST_LOCATION])
    except ValueError:  # it is not a URL
        return location[:LONGEST_LOCATION]


def redirected(response: HttpResponse) -> Failed | None:
    """Return the failure that says where `response` redirects to; None if it does not redirect."""
    if failed := blocked_name(response):
        return failed
    target = target_of(response)
    if target is None:
        is_one = response.status in _TO_ELSEWHERE
        return Failed(REDIRECT_NOWHERE, status=response.status) if is_one else None
    facts: dict[str, Fact] = {"location": target, "status": response.status}
    if _same(target, response.url):
        return Failed(REDIRECT_LOOP, hops=(response.url, target), **facts)
    there, here = origin_of(target), origin_of(response.url)
    return Failed(_kind(target, there, here), origin=there or target, **facts)


def _same(target: str, url: str) -> bool:
    """Return whether both URLs are the same but for a standard port and a fragment."""
    if not origin_of(url) or origin_of(target) != origin_of(url):
        return False
    there, here = urlsplit(target), urlsplit(url)
    return (there.path or "/", there.query) == (here.path or "/", here.query)


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
    """Return the cause of the redirect; those that the caller can certainly fix come first."""
    if _is_secured(target, there, here):
        return REDIRECT_SCHEME
    if _LOGIN.search(_behind_the_host(target)):
        return REDIRECT_TO_LOGIN
    return REDIRECT_OTHER_HOST if here and there and there != here else REDIRECTED


def _is_secured(target: str, there: str, here: str) -> bool:
    if not here.startswith("http://") or not there.startswith("https://"):
        return False
    return urlsplit(target).hostname == urlsplit(here).hostname


def _behind_the_host(url: str) -> str:
    _, scheme_end, rest = url.partition("://")
    return rest.partition("/")[2] if scheme_end else url
