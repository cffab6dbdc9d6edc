"""Web servers that answer, and not as their visitors wish: a plain test passes with a warning."""

from collections.abc import Iterator

from tests.certificates.crafted import Authority
from tests.network.servers import always, reply
from tests.zoo.fault import Target, healthy
from tests.zoo.web import certificate_files, nginx, served


def _nginx(server: str, path: str = "") -> Iterator[Target]:
    with nginx(server) as port:
        yield Target(f"http://127.0.0.1:{port}{path}", "http")


@healthy("http.request_rejected")
def web_server_has_no_such_page() -> Iterator[Target]:
    """The web server has nothing at the path."""
    yield from _nginx("location / { return 404; }", "/helth")


@healthy("http.sign_in_wanted")
def web_server_wants_a_sign_in() -> Iterator[Target]:
    """The web server asks for a name and a password."""
    yield from _nginx('auth_basic "Staff"; auth_basic_user_file /dev/null; root /nowhere;')


@healthy("http.server_error")
def web_server_has_lost_its_backend() -> Iterator[Target]:
    """The backend of the web server refuses connections."""
    yield from _nginx("location / { proxy_pass http://127.0.0.1:9; }")


@healthy("http.503_maintenance")
def web_server_is_out_of_service() -> Iterator[Target]:
    """The web server asks its visitors to come back later."""
    for target in served(always(reply(b"", "Retry-After: 60", status="503 Unavailable"))):
        yield Target(target.endpoint, "http")


@healthy("http.redirect_loop")
def web_server_redirects_to_itself() -> Iterator[Target]:
    """The web server redirects every request to the address that was asked for."""
    yield from _nginx("return 301 $scheme://$http_host$request_uri;")


@healthy("tls.tls_on_http_url")
def web_server_expects_tls() -> Iterator[Target]:
    """The port serves HTTPS, and nginx says so to plain HTTP."""
    authority = Authority()
    with (
        certificate_files(authority.issue("127.0.0.1")) as (chain, key),
        nginx(f"ssl_certificate {chain}; ssl_certificate_key {key};", listening="ssl") as port,
    ):
        yield Target(f"http://127.0.0.1:{port}", "http")


@healthy()
def web_server_redirects_to_https() -> Iterator[Target]:
    """The web server sends its visitors to HTTPS, as most do."""
    yield from _nginx("return 301 https://$host$request_uri;")
