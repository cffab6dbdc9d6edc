from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_404_BASE_PATH,
    WRONG_PORT_ROLE,
    WRONG_PRODUCT,
    not_the_product,
)
from shared.platform.answers.redirects import REDIRECT_LOOP
from shared.platform.answers.relatives import KNOWN_OTHER
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.policy.target_policy import TargetPolicy
from shared.products import PRODUCTS, AnyProduct
from tests.network.loopback import LOOPBACK_ALLOWED, failure_to, loopback, said, soon
from tests.network.servers import Peer, Script, always, hold, reply, serving
from tests.stand_ins.zstack import zstack_node
from worker.http.exchange import Exchange
from worker.investigations.investigator import Unexplained
from worker.investigations.product_identify import (
    MOST_HOPS,
    ONE_OF_PRODUCTS,
    OTHER_PRODUCT,
    START_PAGE_HOPS,
    WRONG_BASE_PATH,
    not_identified,
)
from worker.tcp.address_guard import AddressGuard
from worker.tcp.connection import Connection

PAGE = reply(b"<html><title>Home</title>", "Content-Type: text/html")
NOTHING = reply(b"nothing", status="404 Not Found")


def _identify(_: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
    """Take what calls itself Lamp for the product, and say what else it is."""
    yield from ()
    if b"Lamp" in hello.body:
        return Passed(None)
    raise not_the_product(hello)


LAMP = replace(
    PRODUCTS["zstack"],
    name="lamp",
    title="Lamp",
    hello=lambda endpoint: HttpRequest("GET", f"{endpoint.path}/lamp"),
    identify=_identify,
    recognizes=lambda response: "x-lamp" in response.headers,
)


@contextmanager
def looked_at(
    product: AnyProduct,
    *scripts: Script,
    path: str = "",
    guard: AddressGuard = LOOPBACK_ALLOWED,
    port: int | None = None,
    products: Sequence[AnyProduct] = tuple(PRODUCTS.values()),
) -> Iterator[tuple[Failed | None, list[bytes]]]:
    """Give what a look at a platform finds for `product`, and what the platform was asked."""
    with serving(*scripts) as server:
        with Connection(loopback(port or server.port), guard) as connection:
            connection.open(soon())
            endpoint = Endpoint("127.0.0.1", port or server.port, "http", path)
            exchange = Exchange(connection, endpoint)
            hello = exchange.ask(product.hello(endpoint), soon())
            plain = failure_to(lambda: exchange.follow(product.identify(endpoint, hello), soon()))
            failed = not_identified(plain, product, exchange, products)
            found = failed.look(soon()) if isinstance(failed, Unexplained) else None
        yield found, server.requests


def by_path(answers: dict[bytes, bytes]) -> Script:
    """Return the script of a server that answers by the path, and elsewhere with 404."""

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            peer.send(answers.get(request.split()[1], NOTHING))

    return script


def test_another_product_is_known_by_its_answer() -> None:
    """The remedy is one word in the request."""
    answer = reply(b"<html>", "zs-version: 5.2.1")
    with looked_at(LAMP, always(answer)) as (failed, asked):
        assert failed
        assert failed.cause is ONE_OF_PRODUCTS  # three products of ZStack answer alike
        assert failed.finding.facts["product_types"] == ("zsphere", "zstack", "zstack_cube")
        assert "ZStack Cloud" in said(failed)
        assert [finding.cause for finding in failed.contributing] == [HTML_NOT_API]
        assert len(asked) == 1  # the answer had told already


def test_another_product_is_known_by_how_it_takes_its_own_first_request() -> None:
    """Asked for a path of another product's, a platform says 404 like any other."""
    with zstack_node() as (node, port), looked_at(LAMP, always(NOTHING), port=port) as (failed, _):
        assert failed
        assert failed.cause is ONE_OF_PRODUCTS
        assert node.judged == []


def test_one_other_product_is_the_one_to_choose() -> None:
    """Where only one product answers like this, there is nothing to choose from."""
    zstack, script = PRODUCTS["zstack"], always(reply(b"[]", "X-Lamp: 1"))
    with looked_at(zstack, script, products=[zstack, LAMP]) as (failed, _):
        assert failed
        assert failed.cause is OTHER_PRODUCT
        assert "Set productType to lamp." in said(failed)
        assert failed.contributing == ()  # that it is not ZStack is said already


def test_what_nobody_knows_keeps_its_plain_cause() -> None:
    """An unknown web page is a web page."""
    with looked_at(LAMP, always(PAGE)) as (failed, _):
        assert failed is None


def test_a_page_of_the_products_own_is_its_user_interface() -> None:
    """The caller has copied the address out of a browser."""
    answer = reply(b"<html><title>Lamp</title>", "X-Lamp: 1", "Content-Type: text/html")

    def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
        yield from ()
        raise Failed(HTML_NOT_API, status=hello.status)

    with looked_at(replace(LAMP, identify=identify, default_port=9), always(answer)) as (found, _):
        assert found
        assert found.cause is WRONG_PORT_ROLE
        assert "api_port" not in found.finding.facts


@pytest.mark.parametrize("is_allowed", [True, False])
def test_the_port_of_the_api_is_confirmed_where_it_may_be_tested(is_allowed: bool) -> None:
    """A token that may test one port alone must not learn of another."""
    ui = reply(b"<html>", "X-Lamp: 1", "Content-Type: text/html")
    with serving(always(reply(b"Lamp"))) as api:
        lamp = replace(LAMP, default_port=api.port)
        with serving(always(ui)) as page:
            ports = (page.port, api.port) if is_allowed else (page.port,)
            guard = LOOPBACK_ALLOWED.narrowed_to(TargetPolicy(ports=ports))
            with looked_at(lamp, always(ui), port=page.port, guard=guard) as (failed, _):
                assert failed
                assert failed.cause is WRONG_PORT_ROLE
                assert failed.finding.facts.get("api_port") == (api.port if is_allowed else None)
        assert bool(api.requests) is is_allowed


def test_the_api_is_found_above_the_endpoints_path() -> None:
    """The path of a page is easily copied along."""
    script = by_path({b"/berlin/lamp": reply(b"Lamp")})
    with looked_at(LAMP, script, path="/berlin/ui/home") as (failed, _):
        assert failed
        assert failed.cause is WRONG_BASE_PATH
        assert str(failed.finding.facts["api_at"]).endswith("/berlin")
        assert [finding.cause for finding in failed.contributing] == [HTTP_404_BASE_PATH]


def redirecting(hops: dict[bytes, str]) -> Script:
    """Return the script of a server that redirects from each path to another."""
    return by_path(
        {path: reply(b"", f"Location: {to}", status="302 Found") for path, to in hops.items()}
    )


def test_redirects_in_a_circle_are_told_hop_by_hop() -> None:
    """Where the circle closes is what the proxy's owner has to mend."""
    with looked_at(LAMP, redirecting({b"/lamp": "/a", b"/a": "/b", b"/b": "/a"})) as (failed, _):
        assert failed
        assert failed.cause is REDIRECT_LOOP
        hops = failed.finding.facts["hops"]
        assert isinstance(hops, tuple)
        assert [hop[-2:] for hop in hops] == ["mp", "/a", "/b", "/a"]


@pytest.mark.parametrize(
    "location",
    [
        "/end",
        "http://cloud.example.com/",
        "gopher://127.0.0.1/",
        "http://127.0.0.1:9/",
        "http://127.0.0.1:99999/",
        "http://[",
    ],
)
def test_redirects_that_end_are_no_circle(location: str) -> None:
    """Another host is not asked at all, and a port where nobody is proves nothing."""
    with looked_at(LAMP, redirecting({b"/lamp": location})) as (failed, _):
        assert failed is None


def test_a_port_that_only_the_redirect_names_is_not_connected_to() -> None:
    """Hop after hop, a hostile server would have us knock at the ports of its neighbours."""
    with serving(hold) as other:
        location = f"http://127.0.0.1:{other.port}/"
        with looked_at(LAMP, redirecting({b"/lamp": location})) as (failed, _):
            assert failed is None

        assert other.count_connections() == 0


def test_endless_redirects_are_not_followed_forever() -> None:
    """Each hop could lead to a new one."""
    count = [0]

    def script(peer: Peer) -> None:
        while peer.read_request():
            count[0] += 1
            peer.send(reply(b"", f"Location: /{count[0]}", status="302 Found"))

    with looked_at(LAMP, script) as (failed, asked):
        assert failed is None
        assert len(asked) == MOST_HOPS + START_PAGE_HOPS + 1


def test_a_redirect_cant_break_out_of_the_request_line() -> None:
    """A Location is the platform's text in our request."""
    location = "/a b\u00e9%0d%0aX: y"
    with looked_at(LAMP, redirecting({b"/lamp": location})) as (_, asked):
        lines = [request.split(b"\r\n")[0] for request in asked]
        assert all(line.count(b" ") == 2 for line in lines)


def test_a_failure_that_says_all_is_not_looked_into() -> None:
    """The product knows better than any look."""
    with serving(always(PAGE)) as server, Connection(loopback(server.port), LOOPBACK_ALLOWED) as c:
        exchange = Exchange(c, Endpoint("127.0.0.1", server.port, "http"))
        failed = Failed(replace(WRONG_PRODUCT, code="test.known"), status=200)

        assert not_identified(failed, LAMP, exchange) is failed


def test_doubts_of_before_are_kept() -> None:
    """What was odd about the endpoint still is when the product is known."""
    doubt = Finding(HTTP_404_BASE_PATH, {"asked": "x"})

    def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
        yield from ()
        raise Failed(WRONG_PRODUCT, doubt, status=hello.status)

    answer = reply(b"{}", "zs-version: 5.2.1")
    with looked_at(replace(LAMP, identify=identify), always(answer)) as (failed, _):
        assert failed
        assert failed.contributing == (doubt,)


def test_a_refusal_that_says_nothing_is_no_other_product() -> None:
    """Products that leave it to the sign-in would all take it for their own."""
    hidden = reply(b'{"message": "no key"}', status="401 Unauthorized")

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(hidden)

    with looked_at(LAMP, *[script] * 40) as (found, _):
        assert found is None


def test_the_apis_own_404_is_no_web_ui() -> None:
    """It says that the path is wrong; the API answers at the same port, above it."""
    missing = b'{"kind":"Status","apiVersion":"v1","status":"Failure","code":404}'
    version = b'{"gitVersion":"v1.30.1","goVersion":"go1.22"}'

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            path = request.split()[1]
            if path in (b"/version", b"/readyz"):
                peer.send(reply(version))
            else:
                peer.send(reply(missing, status="404 Not Found"))

    with looked_at(PRODUCTS["kubernetes"], script, path="/api/v1") as (failed, _):
        assert failed
        assert failed.cause is WRONG_BASE_PATH
        assert not str(failed.finding.facts["api_at"]).endswith("/api")


def test_what_stands_there_instead_is_named_by_its_start_page() -> None:
    """Its API may have the same paths as the product's, and the same refusals."""
    answers = {
        b"/": reply(b"", "Location: /ui/", status="302 Found"),
        b"/ui/": reply(b"<html><title>store1 - Proxmox Backup Server</title>"),
    }
    with looked_at(LAMP, by_path(answers)) as (failed, _):
        assert failed
        assert failed.cause is KNOWN_OTHER
        assert failed.finding.facts["found"] == "Proxmox Backup Server"


@pytest.mark.parametrize("product", [p for p in PRODUCTS.values() if p.needs_key_pair])
def test_a_server_that_repeats_requests_is_called_by_no_name(product: AnyProduct) -> None:
    """It repeats what is asked in the name of each product, one after the other."""

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            body = b"<!DOCTYPE html><title>404</title><pre>" + request
            peer.send(reply(body, "Content-Type: text/html", status="404 Not Found"))

    named = (OTHER_PRODUCT, ONE_OF_PRODUCTS, WRONG_PORT_ROLE, WRONG_BASE_PATH, KNOWN_OTHER)
    with looked_at(product, script, path="/ovirt-engine/nutanix") as (failed, asked):
        assert failed is None or failed.cause not in named
        signed = [request for request in asked if b"\nauthorization:" in request.lower()]
        assert all(b"CONNCHECK000" in request for request in signed)
