"""Odd but valid platforms: what stands before them, and how they word HTTP."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from tests.certificates.crafted import Authority
from tests.network.servers import Script, reply, serving
from tests.stand_ins.zstack import Reply, ZstackNode, zstack_node
from tests.zoo.fault import Target, healthy
from tests.zoo.web import certificate_files, content_of, nginx, zstack_that_words

MOST_HEADERS = 190


def _plain(answer: Reply) -> bytes:
    return reply(content_of(answer), status=f"{answer.status} OK")


def _worded(script: Script, host: str = "127.0.0.1") -> Iterator[Target]:
    with serving(script, host=host) as server:
        shown = f"[{host}]" if ":" in host else host
        yield Target(f"http://{shown}:{server.port}")


def _node(node: ZstackNode) -> Iterator[Target]:
    with zstack_node(node) as (_, port):
        yield Target(f"http://127.0.0.1:{port}")


@healthy()
def nginx_with_tls_stands_before() -> Iterator[Target]:
    """An nginx takes TLS off before the platform."""
    authority = Authority()
    with (
        zstack_node() as (_, node_port),
        certificate_files(authority.issue("127.0.0.1")) as (chain, key),
        nginx(
            f"ssl_certificate {chain}; ssl_certificate_key {key};"
            f"location / {{ proxy_pass http://127.0.0.1:{node_port}; }}",
            listening="ssl http2",
        ) as port,
    ):
        options = {"tls": {"caCertificate": authority.pem}}
        yield Target(f"https://127.0.0.1:{port}", options=options)


@healthy()
def nginx_serves_it_below_a_path() -> Iterator[Target]:
    """The platform is below a path of an nginx with other sites."""
    with (
        zstack_node() as (_, node_port),
        nginx(
            f"location /berlin/ {{ proxy_pass http://127.0.0.1:{node_port}/; }}"
            "location / { return 404; }"
        ) as port,
    ):
        yield Target(f"http://127.0.0.1:{port}/berlin")


@healthy()
def nginx_closes_after_each_answer() -> Iterator[Target]:
    """An nginx keeps no connection alive."""
    with (
        zstack_node() as (_, node_port),
        nginx(
            f"keepalive_timeout 0; location / {{ proxy_pass http://127.0.0.1:{node_port}; }}"
        ) as port,
    ):
        yield Target(f"http://127.0.0.1:{port}")


@healthy()
def endpoint_names_the_api() -> Iterator[Target]:
    """The endpoint ends with the API's own path."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}/zstack/v1")


@healthy()
def server_is_of_http_1_0() -> Iterator[Target]:
    """The server speaks HTTP/1.0: no length, and the connection ends each answer."""
    yield from _worded(
        zstack_that_words(
            lambda answer: b"HTTP/1.0 %d OK\r\n\r\n" % answer.status + content_of(answer),
            closes=True,
        )
    )


@healthy()
def answers_in_chunks_with_trailers() -> Iterator[Target]:
    """The answers come in chunks with extensions, and trailers behind them."""

    def word(answer: Reply) -> bytes:
        content = content_of(answer)
        head = b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in content)
        return head % answer.status + chunks + b"0\r\nX-Sum: 1\r\n\r\n"

    yield from _worded(zstack_that_words(word))


@healthy()
def headers_are_in_lower_case() -> Iterator[Target]:
    """The header names are in lower case, and there is no reason phrase."""

    def word(answer: Reply) -> bytes:
        content = content_of(answer)
        return b"HTTP/1.1 %d\r\ncontent-length:%d\r\n\r\n" % (answer.status, len(content)) + content

    yield from _worded(zstack_that_words(word))


@healthy()
def says_close_each_time() -> Iterator[Target]:
    """Every answer says Connection: close."""

    def word(answer: Reply) -> bytes:
        return reply(content_of(answer), "Connection: close", status=f"{answer.status} OK")

    yield from _worded(zstack_that_words(word, closes=True))


@healthy()
def hints_come_before_the_answer() -> Iterator[Target]:
    """100 Continue and 103 Early Hints come before each answer."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    yield from _worded(zstack_that_words(lambda answer: hints + _plain(answer)))


@healthy()
def answers_byte_by_byte() -> Iterator[Target]:
    """The answers come in pieces of one byte."""
    yield from _worded(zstack_that_words(_plain, every_s=0.001))


@healthy()
def has_many_headers() -> Iterator[Target]:
    """A proxy adds nearly as many headers as are read."""
    headers = [f"X-{number}: {'y' * 100}" for number in range(MOST_HEADERS)]

    def word(answer: Reply) -> bytes:
        return reply(content_of(answer), *headers, status=f"{answer.status} OK")

    yield from _worded(zstack_that_words(word))


@healthy()
def says_its_length_twice() -> Iterator[Target]:
    """The answers have two equal lengths, and a header line that continues on the next one."""

    def word(answer: Reply) -> bytes:
        more = f"Content-Length: {len(content_of(answer))}"
        policy = "Content-Security-Policy: default-src 'self';\r\n  img-src *"
        return reply(content_of(answer), more, policy, status=f"{answer.status} OK")

    yield from _worded(zstack_that_words(word))


@healthy()
def compresses_without_being_asked() -> Iterator[Target]:
    """A proxy compresses the answers, which begin with a byte order mark."""

    def word(answer: Reply) -> bytes:
        packed = gzip.compress(b"\xef\xbb\xbf" + content_of(answer))
        return reply(packed, "Content-Encoding: gzip", status=f"{answer.status} OK")

    yield from _worded(zstack_that_words(word))


@healthy()
def calls_its_json_a_page() -> Iterator[Target]:
    """The answers are JSON and say that they are HTML."""

    def word(answer: Reply) -> bytes:
        return reply(content_of(answer), "Content-Type: text/html", status=f"{answer.status} OK")

    yield from _worded(zstack_that_words(word))


@healthy()
def endpoint_is_an_ipv6_address() -> Iterator[Target]:
    """The endpoint is an IPv6 address in brackets."""
    yield from _worded(zstack_that_words(_plain), host="::1")


@healthy("api.clock_off")
def clock_is_ten_minutes_behind() -> Iterator[Target]:
    """The platform's clock is ten minutes behind, which it allows."""
    yield from _node(ZstackNode(clock_ahead=timedelta(minutes=-10)))


@healthy("api.clock_off")
def clock_is_two_hours_ahead() -> Iterator[Target]:
    """The platform's clock is two hours ahead; we sign with its own."""
    yield from _node(ZstackNode(clock_ahead=timedelta(hours=2)))


@healthy()
def server_is_in_another_time_zone() -> Iterator[Target]:
    """The platform's wall clock is that of Berlin."""
    yield from _node(ZstackNode(zone=ZoneInfo("Europe/Berlin")))


@healthy()
def server_sends_no_date() -> Iterator[Target]:
    """The platform sends no Date, and has to be asked for its clock."""
    yield from _node(ZstackNode(sends_date=False))


@healthy("authz.empty_inventory")
def platform_is_empty() -> Iterator[Target]:
    """The key pair sees no zone yet."""
    yield from _node(ZstackNode(zones=0))
