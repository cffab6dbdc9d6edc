"""What proxies and servers say of certificates, names and codings that are not the caller's."""

from collections.abc import Iterator

from tests.certificates.crafted import Authority
from tests.network.servers import always, reply
from tests.zoo.fault import Target, fault
from tests.zoo.tls_servers import target, trusting
from tests.zoo.web import certificate_files, nginx, page, served

IIS = "<title>IIS 10.0 Detailed Error - {0} - Forbidden</title><h3>HTTP Error {0} - Forbidden</h3>"


def _answered(answer: bytes) -> Iterator[Target]:
    yield from served(always(answer))


@fault("product_identify", "tls.client_cert_required")
def iis_demands_a_client_certificate() -> Iterator[Target]:
    """An IIS says by its substatus 403.7 that it wants a client certificate."""
    yield from _answered(page(IIS.format("403.7"), "403 Forbidden"))


@fault("product_identify", "proxy.second_leg_certificate")
def iis_rejects_the_certificate_of_a_proxy() -> Iterator[Target]:
    """A proxy presents a client certificate that the IIS behind it does not trust."""
    yield from _answered(page(IIS.format("403.16"), "403 Forbidden"))


@fault("product_identify", "proxy.second_leg_tls")
def cloudflare_shakes_no_hands_with_the_origin() -> Iterator[Target]:
    """Cloudflare cannot open TLS to the platform."""
    answer = page("error code: 525", "525 <none>", "Server: cloudflare", "CF-RAY: 8f-FRA")
    yield from _answered(answer)


@fault("product_identify", "proxy.second_leg_name")
def proxy_sends_no_sni() -> Iterator[Target]:
    """A proxy sends an Apache behind it another SNI than Host."""
    text = "The client needs a new connection for this request as the requested host name does not "
    text += "match the Server Name Indication (SNI) in use for this connection."
    yield from _answered(page(text, "421 Misdirected Request"))


@fault("product_identify", "proxy.second_leg_version")
def proxy_uses_http_1_0() -> Iterator[Target]:
    """An nginx uses HTTP/1.0 with an Istio behind it, which rejects that."""
    answer = reply(b"Upgrade Required", "server: istio-envoy", status="426 Upgrade Required")
    yield from _answered(answer)


@fault("product_identify", "http.redirect_nowhere")
def redirects_nowhere() -> Iterator[Target]:
    """The platform redirects without a Location."""
    yield from _answered(reply(b"", status="302 Found"))


@fault("product_identify", "http.encoding_unreadable")
def encodes_with_brotli() -> Iterator[Target]:
    """A proxy sends Brotli to a client that asked for no coding."""
    yield from _answered(reply(b"\x0b\x03\x80{}\x03", "Content-Encoding: br"))


@fault("http_response", "http.closed_on_purpose", "http.empty_reply")
def nginx_closes_for_other_names() -> Iterator[Target]:
    """The default site of an nginx closes the connection on every request (444)."""
    with nginx("return 444;") as port:
        yield Target(f"http://127.0.0.1:{port}")


@fault("http_response", "tcp.proxy_protocol", "http.empty_reply")
def nginx_expects_the_header_of_a_balancer() -> Iterator[Target]:
    """An nginx closes on whatever comes without the PROXY header of its load balancer."""
    with nginx("return 200 '{}';", listening="proxy_protocol") as port:
        yield Target(f"http://127.0.0.1:{port}")


@fault("tls_handshake", "tcp.proxy_protocol")
def nginx_expects_the_header_of_a_balancer_before_tls() -> Iterator[Target]:
    """An nginx with TLS expects the PROXY header of its load balancer before the handshake."""
    ours = Authority()
    with certificate_files(ours.issue("127.0.0.1")) as (chain, key):
        tls = f"ssl_certificate {chain}; ssl_certificate_key {key};"
        with nginx(f"{tls} return 200;", listening="ssl proxy_protocol") as port:
            yield target(port, **trusting(ours))


@fault("product_identify", "http.no_icp_filing")
def provider_blocks_the_name() -> Iterator[Target]:
    """The provider answers in place of a server whose name has no ICP filing."""
    frame = "<title>Non-compliance ICP Filing</title><iframe src=http://batit.aliyun.com/alww.html>"
    yield from _answered(page(frame, "403 Forbidden", "Server: Beaver"))


@fault("product_identify", "proxy.route_missing")
def router_has_no_route() -> Iterator[Target]:
    """An API gateway, Kong, has no route for the path."""
    answer = reply(b'{"message":"no Route matched with those values"}', status="404 Not Found")
    yield from _answered(answer)
