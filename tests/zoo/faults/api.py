"""Faults of the product and of its API, and of an endpoint that is not quite the API's."""

from collections.abc import Iterator

from tests.network.servers import Peer, always, reply
from tests.stand_ins.zstack import ZstackNode, zstack_node
from tests.zoo.fault import Target, fault
from tests.zoo.web import nginx, served

TOMCAT_404 = b"<html><title>HTTP Status 404</title>Apache Tomcat/8.5.100</html>"


def _node(node: ZstackNode, path: str = "") -> Iterator[Target]:
    with zstack_node(node) as (_, port):
        yield Target(f"http://127.0.0.1:{port}{path}")


def _answering_in_turn(*answers: bytes) -> Iterator[Target]:
    """Give a server that answers so, one request after the other, and then no more."""

    def script(peer: Peer) -> None:
        for answer in answers:
            if peer.read_request():
                peer.send(answer)

    yield from served(script)


@fault("product_identify", "api.wrong_port_role")
def is_the_web_ui() -> Iterator[Target]:
    """The endpoint is the web UI of ZStack."""
    answer = reply(b"<!doctype html><title>ZStack</title>", "zs-version: 5.2.1")
    yield from served(always(answer))


@fault("product_identify", "api.not_deployed")
def tomcat_is_up_before_its_application() -> Iterator[Target]:
    """Tomcat runs, but the management node is not deployed in it yet."""
    yield from served(always(reply(TOMCAT_404, status="404 Not Found")))


@fault("product_identify", "api.starting_up")
def node_is_not_ready() -> Iterator[Target]:
    """The management node is starting."""
    yield from _node(ZstackNode(is_ready=False))


@fault("product_identify", "api.wrong_base_path", "api.not_deployed")
def path_is_too_much() -> Iterator[Target]:
    """The endpoint has a path that the API is not below."""
    yield from _node(ZstackNode(), "/cloud/api")


@fault("product_identify", "api.wrong_base_path", "http.404_base_path")
def path_ends_a_segment_late() -> Iterator[Target]:
    """An nginx serves the API below a path that is shorter than the endpoint's."""
    with (
        zstack_node() as (_, node_port),
        nginx(
            f"location /berlin/zstack/ {{ proxy_pass http://127.0.0.1:{node_port}/zstack/; }}"
            "location / { return 404; }"
        ) as port,
    ):
        yield Target(f"http://127.0.0.1:{port}/berlin/ui")


@fault("product_identify", "api.wrong_product")
def is_another_json_api() -> Iterator[Target]:
    """The endpoint is an API that answers everything with an object."""
    yield from served(always(reply(b'{"hello": "world"}', "Content-Type: application/json")))


@fault("product_identify", "api.wrong_product")
def version_is_no_version() -> Iterator[Target]:
    """The answer to the question for the version holds none."""
    yield from _answering_in_turn(reply(b"{}"), reply(b'{"version": ["5"]}'))


@fault("product_identify", "http.empty_reply")
def dies_at_the_second_request() -> Iterator[Target]:
    """The service answers once and dies at every request for its version."""

    def script(peer: Peer) -> None:
        if b"/ready" in peer.read_request():
            peer.send(reply())
            peer.read_request()

    yield from served(script)


@fault("product_identify", "tcp.reopen_failed")
def takes_one_connection_alone() -> Iterator[Target]:
    """The platform takes one connection, closes it, and takes no other."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.server.stop_listening()
        peer.send(reply(b"{}", "Connection: close"))

    yield from served(script)
