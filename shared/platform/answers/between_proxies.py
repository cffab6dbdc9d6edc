"""Recognize faults on the leg behind a proxy: routes, TLS, names and versions that only it uses.

Facts are from Cloudflare's list of 5xx errors, Envoy's response texts, mod_proxy and mod_ssl, and
RFC 9110 15.5.20, 15.5.22 and 15.6.6.
"""

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.fingerprints import OPENSHIFTS_ROUTER, Mark, first, gateway_of
from shared.platform.http import HttpResponse

SECOND_LEG_TLS = Cause(
    code="proxy.second_leg_tls",
    owner="platform",
    summary=(
        "The proxy[ ({gateway})] at {host} port {port} cannot use TLS with the server behind it "
        "({status})[: {said}]"
    ),
    remedies=(
        "Install a certificate on the server behind the proxy that the proxy trusts, for the name "
        "that it asks for.",
        "Check the name (SNI) and the TLS versions that the proxy uses towards that server.",
    ),
)
SECOND_LEG_NAME = Cause(
    code="proxy.second_leg_name",
    owner="platform",
    summary=(
        "{host} port {port} received different names in the TLS handshake and in the request "
        "(421); this service sends the same in both, so a proxy in between changes one of them"
    ),
    remedies=(
        "Configure the proxy to send the server behind it the same name as SNI and as Host (nginx: "
        "proxy_ssl_server_name on; proxy_ssl_name $host).",
        "Use the address of {product} itself, not of the proxy.",
    ),
)
SECOND_LEG_VERSION = Cause(
    code="proxy.second_leg_version",
    owner="platform",
    summary=(
        "{host} port {port} rejects the version of HTTP ({status}); this service uses HTTP/1.1, so "
        "a proxy in between may use another one"
    ),
    remedies=(
        "Configure the proxy to use HTTP/1.1 with the server behind it (nginx: proxy_http_version "
        "1.1).",
        "Use the address of {product} itself, not of the proxy.",
    ),
)

ROUTE_MISSING = Cause(
    code="proxy.route_missing",
    owner="caller",
    summary=(
        "{gateway} at {host} port {port} has no route for the name and the path in the endpoint, "
        "or nothing runs behind it ({status})"
    ),
    remedies=(
        "Compare the name and the path in the endpoint with the routes of {gateway}.",
        "Check that the service behind the route is running.",
    ),
    field="endpoint",
)

_ROUTERS = (
    OPENSHIFTS_ROUTER,
    Mark("Kong", page="no Route matched with those values"),
    Mark("Apache APISIX", page="404 Route Not Found"),
    Mark("Cloud Foundry's router", "x-cf-routererror", "unknown_route"),
)
_TLS_FAILED = (
    "Error during SSL Handshake with remote server",  # mod_proxy
    "TLS_error",  # Envoy, in its "transport failure reason"
    "CERTIFICATE_VERIFY_FAILED",
    "ERR_SECURE_CONNECT_FAIL",  # Squid
    "SSL handshake failed",
    "Invalid SSL certificate",
)
_NAMES_DIFFER = "Server Name Indication"  # mod_ssl's page for 421


def between_proxies(response: HttpResponse) -> Failed | None:
    """Return the failure if the fault is between a proxy and the server behind it."""
    status = response.status
    if status == 421 and response.says(_NAMES_DIFFER):
        return Failed(SECOND_LEG_NAME, status=status)
    # A server that wants TLS, a WebSocket or HTTP/2 says so in Upgrade.
    if status == 505 or (status == 426 and "upgrade" not in response.headers):
        return Failed(SECOND_LEG_VERSION, status=status)
    if status in (404, 503) and (router := first(_ROUTERS, response)):
        return Failed(ROUTE_MISSING, gateway=router, status=status)
    said = next((text for text in _TLS_FAILED if response.says(text)), "")
    if status in (525, 526) or (said and status in (500, 502, 503)):
        gateway = gateway_of(response, itself=True)
        known: dict[str, Fact] = {"gateway": gateway} if gateway else {}
        shown: dict[str, Fact] = {"said": said} if said else {}
        return Failed(SECOND_LEG_TLS, status=status, **known, **shown)
    return None
