"""Recognize intermediaries that answer instead of the platform by marks in their answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.http import HttpResponse
from shared.text import printable

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A header value or a text in the page that only `name` sends."""

    name: str
    header: str = ""
    value: str = ""
    page: str = ""
    statuses: Sequence[int] = ()
    """The only statuses with which it counts; empty means any."""

    def is_on(self, response: HttpResponse) -> bool:
        """Return whether `response` has this mark."""
        if self.statuses and response.status not in self.statuses:
            return False
        if self.header:
            value = response.headers.get(self.header)
            return value is not None and self.value in value.lower()
        return self.page in response.beginning


# In this order: an intermediary in front of another adds its name, and both names can appear.
_GATEWAYS = (
    Mark("Cloudflare", "cf-ray"),
    Mark("Cloudflare", "server", "cloudflare"),
    Mark("Amazon CloudFront", "server", "cloudfront"),
    Mark("Amazon CloudFront", "x-amz-cf-id"),
    Mark("AWS ELB", "server", "awselb"),
    Mark("Azure Application Gateway", "server", "microsoft-azure-application-gateway"),
    Mark("Google load balancer", "via", "1.1 google"),
    Mark("Istio", "server", "istio-envoy"),
    Mark("Envoy", "server", "envoy"),
    Mark("Envoy", page="upstream connect error or disconnect/reset before headers"),
    Mark("HAProxy", "server", "haproxy"),
    Mark("HAProxy", page="No server is available to handle this request."),
    Mark("HAProxy", page="The server didn't respond in time."),
    Mark("HAProxy", page="The server returned an invalid or incomplete response."),
    Mark("Squid", "x-squid-error"),
    Mark("Squid", "server", "squid"),
    Mark("Varnish", "via", "varnish"),
    Mark("Varnish", page="Varnish cache server"),
    Mark("F5 BIG-IP", "server", "bigip"),
    Mark("Kong", "server", "kong/"),
    Mark("OpenResty", "server", "openresty"),
    Mark("Tengine", "server", "tengine"),
    Mark("nginx", "server", "nginx"),
    Mark("nginx", page="<center>nginx"),
    Mark("Caddy", "server", "caddy"),
    Mark("Apache", page="The proxy server received an invalid\r\nresponse"),
    Mark("Apache", page="The proxy server received an invalid\nresponse"),
    Mark("Apache", "server", "apache"),
)
_FIREWALLS = (
    Mark("Cloudflare", "cf-mitigated"),
    Mark("Cloudflare", page="Attention Required! | Cloudflare"),
    Mark("Cloudflare", page="error code: 1020"),
    Mark("AWS WAF", "x-amzn-waf-action"),
    Mark("AWS WAF", "server", "awselb", statuses=(403,)),
    Mark("Akamai", "server", "akamaighost", statuses=(403,)),
    Mark("Imperva", page="Incapsula incident ID"),
    # By default it sends this page with status 200.
    Mark("F5 ASM", page="The requested URL was rejected. Please consult with", statuses=(200, 403)),
    Mark("Sucuri", "server", "sucuri"),
    Mark("ModSecurity", page="Mod_Security"),
    Mark("ModSecurity", page="mod_security"),
    Mark("ModSecurity", page="ModSecurity"),
    Mark("FortiWeb", page="FortiWeb"),
    Mark("FortiGate", page="Web Page Blocked!"),
    Mark("Alibaba Cloud WAF", page="errors.aliyun.com"),
    Mark("Huawei Cloud WAF", "set-cookie", "hwwafses", statuses=(403, 405, 418)),
    Mark("SafeLine", page="SafeLine"),
    Mark("SafeLine", page="\u96f7\u6c60"),  # its name in Chinese, "leichi"
)
# Pages that a web server sends for a name that it has no site for.
_DEFAULT_SITES = (
    Mark("nginx", page="Welcome to nginx!"),
    Mark("Apache", page="<h1>It works!</h1>"),
    Mark("Apache", page="Apache2 Debian Default Page"),
    Mark("Apache", page="Apache2 Ubuntu Default Page"),
    Mark("Apache", page="Test Page for the"),
    Mark("IIS", page="<title>IIS Windows Server</title>"),
    Mark("Kubernetes", page="default backend - 404"),
    Mark("Kubernetes", page="response 404 (backend NotFound)"),
)
_REFERENCES = (
    re.compile(r"support ID is:? ?([0-9]{5,30})", re.IGNORECASE),
    re.compile(r"Reference (?:#|&#35;)([0-9a-f.&#;]{5,80})"),
    re.compile(r"incident ID: ?([0-9-]{5,60})"),
    re.compile(r"(?:event|request|block)[ _-]?id[\"': ]{1,4}([0-9A-Za-z-]{5,60})", re.IGNORECASE),
)
_REFERENCE_HEADERS = ("cf-ray", "x-amzn-requestid", "x-request-id")


def gateway_of(response: HttpResponse, *, itself: bool) -> str:
    """Return the gateway in front of the platform, by its product or its own name; empty if none.

    A server that names `itself` may be the platform's own, so its own name only counts for answers
    that only gateways send.
    """
    if known := _first(_GATEWAYS, response):
        return known
    named = response.headers.get("via") or response.headers.get("server") or ""
    return printable(named, LONGEST_NAME) if itself else ""


def firewall_of(response: HttpResponse) -> str:
    """Return the web application firewall that blocks the request; empty if none is seen."""
    is_refusal = response.status >= 400
    return _first([mark for mark in _FIREWALLS if is_refusal or mark.statuses], response)


def default_site_of(response: HttpResponse) -> str:
    """Return the server whose default page this is; empty if it is none."""
    return _first(_DEFAULT_SITES, response)


def reference_of(response: HttpResponse) -> str:
    """Return the ID of the refused request in the log of the intermediary; empty if none."""
    for pattern in _REFERENCES:
        if found := pattern.search(response.beginning):
            return printable(found[1], LONGEST_NAME)
    named = (response.headers.get(name, "") for name in _REFERENCE_HEADERS)
    return printable(next(filter(None, named), ""), LONGEST_NAME)


def _first(marks: Sequence[Mark], response: HttpResponse) -> str:
    return next((mark.name for mark in marks if mark.is_on(response)), "")
