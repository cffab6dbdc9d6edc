"""Recognize intermediaries between this service and the platform by answers that only they send."""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.fingerprints import (
    default_site_of,
    forward_proxy_of,
    gateway_of,
    reference_of,
)
from shared.platform.answers.firewalls import challenge_of, firewall_of
from shared.platform.http import HttpResponse

LONGEST_REST_S = 86_400  # a longer time is not plausible

HTTP_502_504_GATEWAY = Cause(
    code="http.502_504_gateway",
    owner="platform",
    summary=(
        "The gateway[ ({gateway})] at {host} port {port} answers {status}: the API behind it does "
        "not answer"
    ),
    remedies=(
        "Start the platform's API service, or fix the gateway's route to it.",
        "Use the address of the API itself, not of the gateway.",
    ),
)
HTTP_503_UNAVAILABLE = Cause(
    code="http.503_unavailable",
    owner="platform",
    summary="{host} port {port} answers 503: it cannot serve requests at the moment",
    remedies=(
        "Test again in a minute: a service that starts or is overloaded answers like this.",
        "Check that {product} runs on {host} or, if {host} is a load balancer, on the servers "
        "behind it.",
    ),
)
HTTP_503_MAINTENANCE = Cause(
    code="http.503_maintenance",
    owner="platform",
    summary="{host} reports that it is out of service ({status})[, for {retry_after_s} s]",
    remedies=(
        "Wait[ {retry_after_s} s], then test again; it may be starting.",
        "Ask the administrator of {host} how long the maintenance lasts.",
    ),
)
HTTP_429_RATE_LIMITED = Cause(
    code="http.429_rate_limited",
    owner="platform",
    summary="{host} answers 429: too many requests",
    remedies=(
        "Wait[ {retry_after_s} s], then test again.",
        "Raise the rate limit of {host} for this service, or test less often.",
    ),
)
WAF_BLOCK = Cause(
    code="http.waf_block",
    owner="network",
    summary=(
        "A web application firewall ({firewall}) in front of {host} blocks the request (status "
        "{status})[: it wants a browser that solves its {challenge} challenge]"
    ),
    remedies=(
        "[Exempt the API from the {challenge} challenge: a program cannot solve it.]",
        "Allow [requests from {source}|this service's requests] in {firewall}[; its log lists this "
        "one as {reference}].",
        "Use the address of the API itself, not of the firewall.",
    ),
)
WRONG_HOST_HEADER = Cause(
    code="http.wrong_host_header",
    owner="caller",
    summary="The web server at {host} port {port} has no site with this name",
    remedies=(
        "Use the name in the endpoint that the platform's site is configured for.",
        "Add {host} to the names of the platform's site on the server.",
    ),
    field="endpoint",
)
HTTP_421_MISDIRECTED = Cause(
    code="http.421_misdirected",
    owner="platform",
    summary="{host} port {port} answers that the request belongs to another server (421)",
    remedies=(
        "Use the name in the endpoint that the platform is configured for.",
        "If a proxy is in front of the platform, configure it to send the server behind it the "
        "same name as SNI and as Host.",
        "Look for the reason in the log of {host}.",
    ),
    field="endpoint",
)
CAPTIVE_PORTAL = Cause(
    code="proxy.captive_portal",
    owner="us",
    summary=(
        "A network between this service and {host} requires a sign-in before it forwards traffic "
        "(511)"
    ),
    remedies=("Ask the operators of this service to sign in to that network, or to bypass it.",),
)
PROXY_AUTH_REQUIRED = Cause(
    code="proxy.auth_required",
    owner="caller",
    summary="The service on {host} port {port} is a proxy that requires a sign-in (407)",
    remedies=("Use the address of {product} itself, not of a proxy.",),
    field="endpoint",
)
NOT_THE_PLATFORM = Cause(
    code="proxy.not_the_platform",
    owner="caller",
    summary="A proxy ({gateway}) answers on {host} port {port}, not {product}",
    remedies=(
        "Use the address of {product} itself, not of a proxy.",
        "Except {host} from the proxy, if the network sends this service's requests through it.",
    ),
    field="endpoint",
)

ENCODING_UNREADABLE = Cause(
    code="http.encoding_unreadable",
    owner="platform",
    summary=(
        "{host} port {port} encodes its answer ({coding}) in a form that this service cannot read "
        "and has not asked for"
    ),
    remedies=(
        "Configure {host}, or the proxy in front of it, to respect Accept-Encoding: identity.",
    ),
)

_CLOUDFLARE_STATUSES = range(520, 527)
_WEB_SERVERS = ("nginx", "OpenResty", "Tengine", "Caddy", "Apache")  # with or without a backend
# Not "temporarily unavailable" or "maintenance downtime": nginx and Apache use these for any
# backend.
_AT_REST = (
    *("under maintenance", "maintenance mode", "scheduled maintenance", "maintenance window"),
    *("starting up", "is starting", "\u7ef4\u62a4"),  # "maintenance" in Chinese
)


def in_between(response: HttpResponse) -> Failed | None:
    """Return the failure that names the intermediary that answered; None if there is none."""
    for found in _LOOKS:
        if failed := found(response):
            return failed
    return None


def retry_after_s(response: HttpResponse) -> int | None:
    """Return how long the platform asks clients to wait (RFC 9110 10.2.3), if that is plausible."""
    text = response.headers.get("retry-after", "").strip()
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    seconds = int(text) if is_number else _until(text, response)
    return seconds if seconds is not None and 0 < seconds <= LONGEST_REST_S else None


def _until(text: str, response: HttpResponse) -> int | None:
    try:
        moment = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return round((moment - (response.date or response.received_at)).total_seconds())


def _proxy(response: HttpResponse) -> Failed | None:
    if response.status == 511:
        return Failed(CAPTIVE_PORTAL, **seen(response))
    if response.status == 407:
        return Failed(PROXY_AUTH_REQUIRED, **seen(response))
    proxy = forward_proxy_of(response)
    return Failed(NOT_THE_PLATFORM, **seen(response) | {"gateway": proxy}) if proxy else None


def _firewall(response: HttpResponse) -> Failed | None:
    found = {
        "firewall": firewall_of(response),
        "challenge": challenge_of(response),
        "reference": reference_of(response),
    }
    known: dict[str, Fact] = {name: value for name, value in found.items() if value}
    return Failed(WAF_BLOCK, **known, **seen(response)) if "firewall" in known else None


def _wrong_host(response: HttpResponse) -> Failed | None:
    site = default_site_of(response)
    if response.status == 421:  # of this service's one name, or of what a proxy made of it
        return Failed(HTTP_421_MISDIRECTED, **seen(response))
    return Failed(WRONG_HOST_HEADER, default_site=site, **seen(response)) if site else None


def _rest(response: HttpResponse) -> Failed | None:
    wait_s = retry_after_s(response)
    known: dict[str, Fact] = {"retry_after_s": wait_s} if wait_s else {}
    if response.status == 429:
        return Failed(HTTP_429_RATE_LIMITED, **known, **seen(response))
    text = response.beginning.lower()
    if response.status == 503 and (
        known or any(word in text and not response.repeats(word) for word in _AT_REST)
    ):
        return Failed(HTTP_503_MAINTENANCE, **known, **seen(response))
    return None


def _gateway(response: HttpResponse) -> Failed | None:
    if response.status not in (502, 503, 504) and response.status not in _CLOUDFLARE_STATUSES:
        return None
    # Only 503 is also sent by those who have nothing behind them (RFC 9110 15.6.3 to 15.6.5).
    gateway = gateway_of(response, itself=response.status != 503)
    if response.status == 503 and (not gateway or gateway in _WEB_SERVERS):
        return Failed(HTTP_503_UNAVAILABLE, **seen(response))
    known: dict[str, Fact] = {"gateway": gateway} if gateway else {}
    return Failed(HTTP_502_504_GATEWAY, **seen(response) | known)


def _encoding(response: HttpResponse) -> Failed | None:
    """Return the failure for a body that is still encoded; what can be decoded was."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", "") or not response.body:
        return None
    return Failed(ENCODING_UNREADABLE, coding=coding, **seen(response))


# The most certain comes first: a firewall may send 503, a gateway never sends 511.
_LOOKS: tuple[Callable[[HttpResponse], Failed | None], ...] = (
    _proxy,
    _firewall,
    _wrong_host,
    _rest,
    _gateway,
    _encoding,
)


def seen(response: HttpResponse) -> dict[str, Fact]:
    """Return the facts that every finding about `response` has."""
    title = {"title": response.title} if response.looks_like_html and response.title else {}
    gateway = gateway_of(response, itself=False)
    named = {"gateway": gateway} if gateway and gateway not in _WEB_SERVERS else {}
    server = response.headers.get("server", "")
    return {"status": response.status, "server": server, **named, **title}
