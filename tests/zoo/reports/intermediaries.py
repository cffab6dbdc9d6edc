"""People who are answered by something on the way: proxies, gateways and firewalls."""

import json
from collections.abc import Iterator
from email.parser import Parser

from tests.certificates.crafted import Authority
from tests.network.servers import Peer, Script, reply, serving
from tests.stand_ins.answering import Asked, Reply
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.reports.kubernetes import GOOD, api_server
from tests.zoo.situations import HTML, over_http, over_tls, trusting
from tests.zoo.visit import PASSED
from tests.zoo.web import nginx


def _cluster(endpoint: str) -> Target:
    return Target(endpoint, "kubernetes", "portal", GOOD)


def _zstack(endpoint: str) -> Target:
    return Target(endpoint)


@report(
    "https://github.com/NginxProxyManager/nginx-proxy-manager/issues/4683",
    "Q",
    "http_response",
    "product_identify",
    right=["http.*", "proxy.*", "!http.wrong_host_header"],
    says=["421", "SNI|server name", "proxy"],
    never=["has no site with this name", "Use the name"],
)
def a_proxy_sends_no_name_to_the_next() -> Iterator[Target]:
    """A proxy connects to the platform's Apache over TLS, and does not say for which name.

    421 Misdirected Request, since an update of Apache: nginx needs proxy_ssl_server_name.
    """
    page = (
        '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN"><html><head><title>421 Misdirected '
        "Request</title></head><body><h1>Misdirected Request</h1><p>The client needs a new "
        "connection for this request as the requested host name does not match the Server Name "
        "Indication (SNI) in use for this connection.</p></body></html>"
    )
    answer = Reply(421, page, "Misdirected Request", {**HTML, "Server": "openresty"})
    yield from over_tls(lambda _: answer, _cluster)


@report(
    "https://github.com/imroc/learning-istio/issues/16",
    "Q",
    "http_response",
    "product_identify",
    right=["http.*", "proxy.*"],
    says=["HTTP/1\\.[01]|proxy_http_version"],
    never=["Report this to the operators"],
)
def a_proxy_speaks_http_1_0_to_the_next() -> Iterator[Target]:
    """An nginx speaks HTTP/1.0 to an Envoy, as it does by default; Envoy wants HTTP/1.1.

    426 Upgrade Required: nginx needs proxy_http_version 1.1. The caller is not to upgrade.
    """

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            version = request.partition(b"\r\n")[0].rpartition(b" ")[2]
            status = b"426 Upgrade Required" if version == b"HTTP/1.0" else b"200 OK"
            peer.send(b"HTTP/1.1 " + status + b"\r\nServer: envoy\r\nContent-Length: 0\r\n\r\n")

    with (
        serving(script) as envoy,
        nginx(f"location / {{ proxy_pass http://127.0.0.1:{envoy.port}; }}") as port,
    ):
        yield _zstack(f"http://127.0.0.1:{port}")


@report(
    "https://github.com/Pleasurecruise/linux-do-mcp/issues/3",
    "H",
    "http_response",
    "product_identify",
    right=["http.waf_block"],
    says=["Cloudflare", "browser|challenge|JavaScript"],
)
def cloudflare_wants_a_browser() -> Iterator[Target]:
    """Cloudflare asks for a browser that runs its script, "Just a moment...".

    Programs get 403 whatever their key; the path of the API has to be exempt from the challenge.
    """
    page = (
        '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title><meta http-equiv='
        '"refresh" content="360"></head><body><script src="/cdn-cgi/challenge-platform/h/b/'
        'orchestrate/chl_page/v1"></script><noscript>Enable JavaScript and cookies to continue'
        "</noscript></body></html>"
    )
    seen = {"Server": "cloudflare", "CF-RAY": "8a1b2c3d4e5f-FRA", "cf-mitigated": "challenge"}
    yield from over_tls(lambda _: Reply(403, page, headers={**HTML, **seen}), _cluster)


@report(
    "https://github.com/wongzeon/ICP-Checker/issues/25",
    "H",
    "http_response",
    "product_identify",
    right=["http.waf_block"],
    says=["Knownsec|创宇盾"],
)
def knownsec_takes_it_for_an_attack() -> Iterator[Target]:
    """Knownsec's firewall, 创宇盾, blocks the request as suspected hacking.

    Its page has the rule in a script, and says so in words that the script shows.
    """
    data = {
        "rule_id": "80048",
        "client_ip": "127.0.0.1",
        "error_403_en": "Knownsec CloudWAF: Your request has been blocked due to suspected hacking",
    }
    page = (
        f"<html><head><title>403</title></head><body><script>var data = {json.dumps(data)};"
        "document.getElementById('error_403').innerText = '当前访问疑似黑客攻击, 已被创宇盾拦截';"
        "</script></body></html>"
    )
    yield from over_http(
        lambda _: Reply(403, page, headers={**HTML, "Server": "yunjiasu"}), _zstack
    )


@report(
    "https://github.com/samsung-cnct/kraken-lib/issues/183",
    "P",
    "http_response",
    "product_identify",
    right=["proxy.*"],
    open=["http.502_504_gateway", "http.503_*", "http.html_not_api"],
    says=["proxy"],
    never=["out of service"],
)
def a_company_s_proxy_answers_instead() -> Iterator[Target]:
    """A company's proxy answers in place of the platform: it can't resolve the name.

    "Network Error (dns_unresolved_hostname)": the platform had to be excepted from the proxy.
    """
    page = (
        "<HTML><HEAD><TITLE>Network Error</TITLE></HEAD><BODY><FONT face=Helvetica><big>Network "
        "Error (dns_unresolved_hostname)</big><BR>Your requested host could not be resolved by "
        "DNS.</FONT></BODY></HTML>"
    )
    seen = {"Proxy-Connection": "close", "Via": "1.1 proxy.corp.example (Blue Coat ProxySG)"}
    yield from over_http(lambda _: Reply(503, page, headers={**HTML, **seen}), _zstack)


@report(
    "https://github.com/kubernetes-sigs/kind/issues/2884",
    "P",
    "http_response",
    "product_identify",
    right=["proxy.*", "http.403_forbidden"],
    says=["Squid|proxy"],
    never=["access list of 127.0.0.1"],
)
def squid_denies_the_way() -> Iterator[Target]:
    """A Squid on the way denies access to the API server, with 403.

    The name was missing in no_proxy; the API server itself had never heard of the request.
    """
    page = (
        "<html><head><title>ERROR: The requested URL could not be retrieved</title></head><body "
        "id=ERR_ACCESS_DENIED><h1>ERROR</h1><p>Access Denied.</p></body></html>"
    )
    seen = {
        "Server": "squid/4.15",
        "X-Squid-Error": "ERR_ACCESS_DENIED 0",
        "Via": "1.1 proxy.corp.example (squid/4.15)",
        "X-Cache": "MISS from proxy.corp.example",
    }
    yield from over_http(
        lambda _: Reply(403, page, headers={**HTML, **seen}),
        _cluster,
    )


def _jetty(status: int, reason: str, path: str) -> Reply:
    page = (
        f"<html><head><title>Error {status} {reason}</title></head><body><h2>HTTP ERROR {status} "
        f"{reason}</h2><table><tr><th>URI:</th><td>{path}</td></tr><tr><th>STATUS:</th><td>"
        f"{status}</td></tr><tr><th>SERVLET:</th><td>-</td></tr></table><hr><a "
        'href="https://eclipse.org/jetty">Powered by Jetty:// 9.4.44.v20210927</a></body></html>'
    )
    headers = {"Content-Type": "text/html;charset=iso-8859-1", "Cache-Control": "must-revalidate"}
    return Reply(status, page, reason, headers)


@report(
    "https://github.com/apache/cloudstack/issues/10350",
    "P",
    "http_response",
    "product_identify",
    right=["api.starting_up", "api.not_deployed"],
    open=["http.503_*", "http.500"],
    says=["Jetty|management.server"],
    never=["The gateway"],
)
def cloudstack_did_not_come_up() -> Iterator[Target]:
    """The web server of a CloudStack runs, and its management server did not start in it.

    503 by Jetty itself, without a gateway: the database had refused the server's queries.
    """
    yield from over_http(
        lambda asked: _jetty(503, "Service Unavailable", asked.path),
        lambda at: Target(f"{at}/client/api", "cloudstack", "key1", "sec1"),
    )


@report(
    "https://github.com/apache/cloudstack/issues/4921",
    "B",
    "http_response",
    "product_identify",
    right=["api.not_deployed", "api.starting_up"],
    open=["http.404_base_path"],
    says=["Jetty|management.server|deployed"],
    never=["web UI, not its API"],
)
def cloudstack_has_lost_its_api() -> Iterator[Target]:
    """The web server of a CloudStack has no /client/api after a restart: 404 by Jetty.

    The process ran; the management server had not been loaded into it.
    """
    yield from over_http(
        lambda asked: _jetty(404, "Not Found", asked.path),
        lambda at: Target(f"{at}/client/api", "cloudstack", "key1", "sec1"),
    )


def _over_tls(script: Script) -> Iterator[Target]:
    authority = Authority()
    with serving(script, tls=authority.issue("127.0.0.1").server_context()) as server:
        yield trusting(authority, _cluster(f"https://127.0.0.1:{server.port}"))


def _asked(request: bytes) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    first, _, rest = head.decode().partition("\r\n")
    method, path, _ = first.split()
    return Asked(method, path, Parser().parsestr(rest), body)


@report("https://github.com/jordansissel/ruby-ftw/issues/12", "Z", PASSED)
def a_proxy_hangs_up_after_each_answer() -> Iterator[Target]:
    """A proxy hangs up after each answer, and does not say so in the answer.

    RFC 9112 9.3 lets it; clients that kept the connection failed at their second request.
    """

    def script(peer: Peer) -> None:
        if request := peer.read_request():
            answer = api_server(_asked(request))
            peer.send(reply(answer.body.encode(), status=f"{answer.status} OK"))

    yield from _over_tls(script)


@report(
    "https://github.com/envoyproxy/envoy/issues/3648",
    "H",
    PASSED,
    "http_response",
    right=["http.*"],
    says=["Content-Length"],
)
def the_length_is_there_twice() -> Iterator[Target]:
    """The answers have their length twice, and both are equal: something on the way adds its own.

    RFC 9110 8.6 lets a client take it as one, or refuse it; browsers take it.
    """

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            answer = api_server(_asked(request))
            content = answer.body.encode()
            twice = f"Content-Length: {len(content)}"
            peer.send(reply(content, twice, status=f"{answer.status} OK"))

    yield from _over_tls(script)
