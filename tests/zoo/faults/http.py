"""Faults between the connection and the first answer of the product."""

import ssl
from collections.abc import Iterator

from tests.certificates.crafted import Authority, self_signed
from tests.network.servers import (
    Peer,
    always,
    hang_up_after_reading,
    hold,
    reply,
    reset_after_reading,
    serving,
)
from tests.zoo.fault import Target, fault
from tests.zoo.tls_servers import target, trusting
from tests.zoo.web import certificate_files, nginx, page, served

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
IMPATIENT = {"timeoutSeconds": 2}
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
GOAWAY = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
CLOSED_PORT = "127.0.0.1:9"


def _sent(answer: bytes) -> Iterator[Target]:
    """Give a server that answers so, once a connection, and closes."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer)

    yield from served(script)


def _flooded(start: bytes, content: bytes) -> Iterator[Target]:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(start)
        peer.flood(content)

    yield from served(script)


def _answered(answer: bytes) -> Iterator[Target]:
    yield from served(always(answer))


def _nginx(server: str, *, listening: str = "", beside: str = "") -> Iterator[Target]:
    with nginx(server, listening=listening, beside=beside) as port:
        yield Target(f"http://127.0.0.1:{port}")


def _impatient(answer: bytes) -> Iterator[Target]:
    """Give a server that answers so and no further, and a caller with little time."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer)
        peer.hold()

    with serving(script) as server:
        yield Target(f"http://127.0.0.1:{server.port}", options=IMPATIENT)


@fault("http_response", "http.header_timeout")
def accepts_and_is_silent() -> Iterator[Target]:
    """The service accepts the request and never answers."""
    with serving(hold) as server:
        yield Target(f"http://127.0.0.1:{server.port}", options=IMPATIENT)


@fault("http_response", "http.body_timeout")
def stalls_in_the_headers() -> Iterator[Target]:
    """The answer stops in the middle of a header."""
    yield from _impatient(HEAD + b"Content-Type: appl")


@fault("http_response", "http.body_timeout")
def stalls_in_the_body() -> Iterator[Target]:
    """The answer stops in the middle of its body."""
    yield from _impatient(HEAD + b"Content-Length: 20\r\n\r\n{")


@fault("http_response", "http.body_timeout")
def trickles() -> Iterator[Target]:
    """The answer comes byte by byte, and without end."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.trickle(HEAD + b"X: " + b"a" * 900, 0.05)

    with serving(script) as server:
        yield Target(f"http://127.0.0.1:{server.port}", options=IMPATIENT)


@fault("http_response", "http.empty_reply")
def hangs_up() -> Iterator[Target]:
    """The service reads the request and closes without a word."""
    yield from served(hang_up_after_reading)


@fault("http_response", "http.reset")
def resets() -> Iterator[Target]:
    """The connection is reset when the request comes."""
    yield from served(reset_after_reading)


@fault("http_response", "http.truncated")
def ends_before_its_length() -> Iterator[Target]:
    """The answer is shorter than its Content-Length."""
    yield from _sent(HEAD + b"Content-Length: 20\r\n\r\n{")


@fault("http_response", "http.truncated")
def ends_in_a_chunk() -> Iterator[Target]:
    """The answer ends in the middle of a chunk."""
    yield from _sent(CHUNKED + b"5\r\nab")


@fault("http_response", "http.truncated")
def ends_in_the_headers() -> Iterator[Target]:
    """The answer ends in the middle of its headers."""
    yield from _sent(HEAD + b"Content-Ty")


@fault("http_response", "http.not_http")
def answers_garbage() -> Iterator[Target]:
    """The port answers in an unknown protocol."""
    yield from _sent(b"\x00\x01\x02\x03garbage\xff\xfe")


@fault("http_response", "http.not_http")
def answers_http_0_9() -> Iterator[Target]:
    """The server sends a page without status line and headers, as in 1991."""
    yield from _sent(b"<html>hello</html>")


@fault("http_response", "http.malformed")
def has_a_bad_chunk() -> Iterator[Target]:
    """A chunk has a size that is no number."""
    yield from _sent(CHUNKED + b"xyz\r\n")


@fault("http_response", "http.malformed")
def has_two_framings() -> Iterator[Target]:
    """The answer has a Content-Length and is chunked."""
    yield from _sent(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


@fault("http_response", "http.malformed")
def has_two_lengths() -> Iterator[Target]:
    """The answer has two different lengths."""
    yield from _sent(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}")


@fault("http_response", "http.malformed")
def has_a_header_without_a_colon() -> Iterator[Target]:
    """A header has no colon."""
    yield from _sent(HEAD + b"no colon here\r\n\r\n")


@fault("http_response", "http.malformed")
def ends_one_line_with_a_bare_lf() -> Iterator[Target]:
    """One of the header lines ends with LF alone, which browsers read over."""
    yield from _sent(HEAD + b"X-Frame-Options: SAMEORIGIN\nContent-Length: 2\r\n\r\n{}")


@fault("http_response", "http.malformed")
def switches_protocols() -> Iterator[Target]:
    """The server switches to a protocol that nobody asked for."""
    yield from _sent(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")


@fault("http_response", "http.headers_too_large")
def has_endless_headers() -> Iterator[Target]:
    """The headers never end."""
    yield from _flooded(HEAD, b"X: y\r\n")


@fault("http_response", "http.headers_too_large")
def has_endless_hints() -> Iterator[Target]:
    """One interim response follows the other."""
    yield from _flooded(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")


@fault("http_response", "http.too_large")
def has_an_endless_body() -> Iterator[Target]:
    """The endpoint is a download without end."""
    yield from _flooded(HEAD + b"\r\n", b"a" * 10_000)


@fault("http_response", "http.http2_only")
def nginx_speaks_http_2_alone() -> Iterator[Target]:
    """The port of a real nginx speaks HTTP/2 without TLS, and nothing else."""
    yield from _nginx("return 204;", listening="http2")


@fault("http_response", "http.http2_only")
def grpc_server_says_goodbye() -> Iterator[Target]:
    """A gRPC server sends its settings and hangs up."""
    yield from _sent(SETTINGS + GOAWAY)


@fault("http_response", "http.http2_only", "http.empty_reply")
def http_2_server_hangs_up() -> Iterator[Target]:
    """A server of HTTP/2 hangs up on HTTP/1.1 without a word."""

    def script(peer: Peer) -> None:
        if peer.read_some().startswith(b"PRI * HTTP/2.0"):
            peer.send(SETTINGS)

    yield from served(script)


@fault("product_identify", "tls.tls_on_http_url")
def http_to_the_tls_port_of_nginx() -> Iterator[Target]:
    """The endpoint says http, and an nginx expects TLS there."""
    with certificate_files(self_signed("127.0.0.1")) as (chain, key):
        yield from _nginx(f"ssl_certificate {chain}; ssl_certificate_key {key};", listening="ssl")


@fault("http_response", "tls.tls_on_http_url", "http.header_timeout")
def http_to_a_tls_port_that_waits() -> Iterator[Target]:
    """The endpoint says http, and a TLS server waits for a better beginning."""
    with serving(hold, tls=self_signed("127.0.0.1").server_context()) as server:
        yield Target(f"http://127.0.0.1:{server.port}", options=IMPATIENT)


@fault("http_response", "tls.tls_on_http_url", "http.reset")
def http_to_a_tls_port_that_resets() -> Iterator[Target]:
    """The endpoint says http, and a TLS server resets the connection."""
    tls = self_signed("127.0.0.1").server_context()
    with serving(lambda peer: _reset_unless_tls(peer, tls)) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("http_response", "tls.tls_on_http_url")
def http_to_a_tls_port_that_sends_an_alert() -> Iterator[Target]:
    """The endpoint says http, and a TLS server answers with an alert."""
    yield from _sent(ALERT)


@fault("product_identify", "tls.client_cert_required")
def nginx_demands_a_client_certificate() -> Iterator[Target]:
    """An nginx shakes hands with everybody, and then demands a client certificate."""
    ours = Authority()
    with certificate_files(ours.issue("127.0.0.1")) as (chain, key):
        tls = f"ssl_certificate {chain}; ssl_certificate_key {key}; ssl_client_certificate {chain};"
        with nginx(f"{tls} ssl_verify_client on; return 200;", listening="ssl") as port:
            yield target(port, **trusting(ours))


@fault("http_response", "tcp.port_speaks_other")
def is_redis() -> Iterator[Target]:
    """The port is that of a Redis."""
    yield from _sent(b"-ERR unknown command 'GET'\r\n")


@fault("http_response", "tcp.port_speaks_other")
def is_postgresql() -> Iterator[Target]:
    """The port is that of a PostgreSQL."""
    text = b"unsupported frontend protocol 21536.8239: server supports 3.0 to 3.0"
    fields = b"SFATAL\0VFATAL\0C0A000\0M" + text + b"\0\0"
    yield from _sent(b"E" + (len(fields) + 4).to_bytes(4) + fields)


@fault("product_identify", "http.html_not_api")
def is_a_web_site() -> Iterator[Target]:
    """The endpoint is a web site."""
    yield from _answered(page("<!doctype html><title>My NAS</title><p>Hello"))


@fault("product_identify", "http.redirect_to_login")
def is_a_login_page() -> Iterator[Target]:
    """The endpoint is a page on which a person signs in."""
    yield from _answered(page("<html><form><input type=password></form></html>"))


@fault("product_identify", "http.redirect_to_login")
def redirects_to_a_login() -> Iterator[Target]:
    """An nginx sends every caller to the sign-in of a portal."""
    yield from _nginx("return 302 https://portal.example/oauth2/authorize?client_id=1;")


@fault("product_identify", "http.redirect_other_host")
def redirects_to_another_host() -> Iterator[Target]:
    """The platform has moved to another name."""
    yield from _nginx("return 301 http://new-cloud.example$request_uri;")


@fault("product_identify", "http.redirect_scheme")
def redirects_to_https() -> Iterator[Target]:
    """The platform is served over https alone."""
    yield from _nginx("return 301 https://$host$request_uri;")


@fault("product_identify", "http.redirected")
def redirects_to_another_path() -> Iterator[Target]:
    """The server redirects to another path, where nothing is."""
    yield from _nginx(
        "absolute_redirect off; location /new { return 404; } location / { return 302 /new; }"
    )


@fault("product_identify", "http.redirect_loop")
def redirects_to_itself() -> Iterator[Target]:
    """A proxy takes every request for plain http and redirects it to where it is."""
    yield from _nginx("return 301 http://127.0.0.1:$server_port$request_uri;")


@fault("product_identify", "http.redirect_loop")
def redirects_in_a_circle() -> Iterator[Target]:
    """Two redirects lead to each other."""
    yield from _nginx(
        "absolute_redirect off; location /a { return 302 /b; } location / { return 302 /a; }"
    )


@fault("product_identify", "http.502_504_gateway")
def nginx_has_no_backend() -> Iterator[Target]:
    """The service behind an nginx does not run."""
    yield from _nginx(f"location / {{ proxy_pass http://{CLOSED_PORT}; }}")


@fault("product_identify", "http.502_504_gateway")
def nginx_waits_for_its_backend() -> Iterator[Target]:
    """The service behind an nginx does not answer."""
    with serving(hold) as backend:
        yield from _nginx(
            f"location / {{ proxy_pass http://127.0.0.1:{backend.port}; proxy_read_timeout 1s; }}"
        )


@fault("product_identify", "http.502_504_gateway")
def haproxy_has_no_backend() -> Iterator[Target]:
    """A HAProxy has no backend left."""
    text = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this "
    yield from _answered(page(f"{text}request.\n</body></html>", "503 Service Unavailable"))


@fault("product_identify", "http.502_504_gateway")
def envoy_has_no_backend() -> Iterator[Target]:
    """An Envoy can't reach the service."""
    text = b"upstream connect error or disconnect/reset before headers. reset reason: timeout"
    yield from _answered(reply(text, "server: envoy", status="503 Service Unavailable"))


@fault("product_identify", "http.502_504_gateway")
def aws_balancer_has_no_backend() -> Iterator[Target]:
    """A load balancer of AWS has no healthy target."""
    answer = page("<html>503</html>", "503 Service Temporarily Unavailable", "Server: awselb/2.0")
    yield from _answered(answer)


@fault("product_identify", "http.502_504_gateway")
def cloudflare_reaches_no_origin() -> Iterator[Target]:
    """Cloudflare can't reach the platform."""
    answer = page("error code: 522", "522 Origin Timeout", "Server: cloudflare", "CF-RAY: 8f-FRA")
    yield from _answered(answer)


@fault("product_identify", "http.503_maintenance")
def asks_to_come_back() -> Iterator[Target]:
    """The platform is out of service and says until when."""
    answer = reply(b"later", "Retry-After: 120", status="503 Service Unavailable")
    yield from _answered(answer)


@fault("product_identify", "http.503_maintenance")
def shows_a_maintenance_page() -> Iterator[Target]:
    """The platform shows a page about its maintenance."""
    yield from _answered(page("<p>Under maintenance", "503 Service Unavailable"))


@fault("product_identify", "http.429_rate_limited")
def limits_requests() -> Iterator[Target]:
    """An nginx lets one request a minute pass, and that has passed."""
    zone = "limit_req_zone $binary_remote_addr zone=all:1m rate=1r/m; limit_req_status 429;"
    yield from _nginx(
        "location / { limit_req zone=all; try_files /nothing @node; }"
        "location @node { return 200 '{}'; }",
        beside=zone,
    )


@fault("product_identify", "http.429_rate_limited")
def wants_years_of_rest() -> Iterator[Target]:
    """The platform limits requests, and asks to come back in three years."""
    yield from _answered(reply(b"", "Retry-After: 99999999", status="429 Too Many Requests"))


@fault("product_identify", "http.waf_block")
def f5_rejects() -> Iterator[Target]:
    """A firewall of F5 rejects the request, with a page that says 403."""
    text = "The requested URL was rejected. Please consult with your administrator."
    yield from _answered(page(f"<html>{text} Your support ID is: 1234567890", "403 Forbidden"))


@fault("product_identify", "http.waf_block")
def cloudflare_challenges() -> Iterator[Target]:
    """Cloudflare wants to see whether a person is there."""
    answer = page("<title>Just a moment...</title>", "403 Forbidden", "cf-mitigated: challenge")
    yield from _answered(answer)


@fault("product_identify", "http.waf_block")
def mod_security_rejects() -> Iterator[Target]:
    """A ModSecurity takes the request for an attack."""
    text = "An appropriate representation could not be found. This error was generated by "
    yield from _answered(page(f"<html>{text}Mod_Security.", "406 Not Acceptable"))


@fault("product_identify", "http.421_misdirected")
def is_misdirected() -> Iterator[Target]:
    """The server takes the request for another one's, and says 421."""
    yield from _answered(reply(b"", status="421 Misdirected Request"))


@fault("product_identify", "http.wrong_host_header")
def shows_the_default_site() -> Iterator[Target]:
    """The server shows its default site, because it knows none of that name."""
    yield from _answered(page("<html><h1>Welcome to nginx!</h1></html>"))


@fault("product_identify", "http.wrong_host_header")
def ingress_has_no_rule() -> Iterator[Target]:
    """A Kubernetes ingress has no rule for the name."""
    yield from _answered(reply(b"default backend - 404", status="404 Not Found"))


@fault("product_identify", "http.400_bad_request")
def answers_400() -> Iterator[Target]:
    """The server can't make anything of the request."""
    yield from _nginx("return 400;")


@fault("product_identify", "http.403_forbidden")
def refuses_addresses() -> Iterator[Target]:
    """An nginx refuses every address that it does not know."""
    yield from _nginx("location / { deny all; root /; }")


@fault("product_identify", "auth.scheme_unsupported")
def wants_a_sign_in_of_its_own() -> Iterator[Target]:
    """An nginx before the platform wants a Basic sign-in of its own."""
    yield from _nginx("auth_basic closed; auth_basic_user_file /nothing; location / { root /; }")


@fault("product_identify", "http.404_base_path")
def has_nothing_there() -> Iterator[Target]:
    """The server has nothing at the path of the API."""
    yield from _nginx("return 404;")


@fault("product_identify", "http.405_406_415")
def allows_no_get() -> Iterator[Target]:
    """A proxy lets no GET pass."""
    yield from _answered(reply(b"", "Allow: POST", status="405 Method Not Allowed"))


@fault("product_identify", "http.500")
def fails_itself() -> Iterator[Target]:
    """The service fails, and gives the id of the request in its log."""
    answer = reply(b"panic", "X-Request-Id: 4f2a", status="500 Internal Server Error")
    yield from _answered(answer)


@fault("product_identify", "proxy.auth_required")
def is_a_proxy_that_wants_a_sign_in() -> Iterator[Target]:
    """The endpoint is a proxy, which wants a sign-in."""
    status = "407 Proxy Authentication Required"
    yield from _answered(reply(b"", "Proxy-Authenticate: Basic", status=status))


@fault("product_identify", "proxy.not_the_platform")
def is_a_proxy() -> Iterator[Target]:
    """The endpoint is a Squid, which is asked for a page without a host."""
    answer = page("<html>ERR", "400 Bad Request", "X-Squid-Error: ERR_INVALID_URL 0")
    yield from _answered(answer)


@fault("product_identify", "proxy.captive_portal")
def is_behind_a_captive_portal() -> Iterator[Target]:
    """The network wants a sign-in before it lets anything pass."""
    yield from _answered(page("<html>Pay", "511 Network Authentication Required"))


def _reset_unless_tls(peer: Peer, tls: ssl.SSLContext) -> None:
    if peer.peek().startswith(b"\x16"):
        peer.shake_hands_rudely(tls)
    else:
        peer.read_some()
        peer.reset()
