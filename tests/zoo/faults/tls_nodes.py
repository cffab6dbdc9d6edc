"""Several servers behind one address, of which some have other certificates than the others."""

import ssl
from collections.abc import Iterator
from itertools import chain, repeat

from tests.certificates.crafted import Authority, Issued
from tests.network.servers import hold, serving
from tests.zoo.fault import Target, fault
from tests.zoo.faults.tls_certificate import PAST
from tests.zoo.tls_servers import below, target, trusting
from worker.tcp.connection import fingerprint

HERE = "127.0.0.1"


def balanced(*nodes: Issued, **tls: str) -> Iterator[Target]:
    """Give the target of an address where each connection meets the next node, then the last."""
    contexts = [node.server_context() for node in nodes]
    turn = chain(contexts, repeat(contexts[-1]))

    def choose(asked: ssl.SSLSocket | ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        asked.context = next(turn)

    first = nodes[0].server_context()
    first.sni_callback = choose
    with serving(hold, tls=first) as server:
        yield target(server.port, **tls)


@fault("tls_handshake", "tls.expired", "tls.nodes_differ")
def one_node_of_three_expired() -> Iterator[Target]:
    """The certificate was renewed on all nodes but one."""
    ours = Authority()
    good = ours.issue(HERE)
    yield from balanced(ours.issue(HERE, validity=PAST), good, good, **trusting(ours))


@fault("tls_handshake", "tls.expired", "tls.nodes_differ")
def two_nodes_of_three_expired() -> Iterator[Target]:
    """The certificate was renewed on one node alone."""
    ours = Authority()
    old, good = ours.issue(HERE, validity=PAST), ours.issue(HERE)
    yield from balanced(old, old, good, **trusting(ours))


@fault("tls_handshake", "tls.expired", "tls.nodes_differ")
def nodes_with_faults_of_their_own() -> Iterator[Target]:
    """One node's certificate expired, that of the other is for another name."""
    ours = Authority()
    expired, other = ours.issue(HERE, validity=PAST), ours.issue("other.example.com")
    yield from balanced(expired, other, **trusting(ours))


@fault("tls_handshake", "tls.incomplete_chain", "tls.nodes_differ")
def one_node_without_the_intermediate() -> Iterator[Target]:
    """All nodes have the certificate, but one does not send the intermediate."""
    ours = Authority()
    middle = Authority("Issuing", above=ours)
    issued = middle.issue(HERE)
    yield from balanced(issued, below(issued, middle), **trusting(ours))


@fault("tls_handshake", "tls.pin_changed", "tls.nodes_differ")
def one_node_without_the_pinned_certificate() -> Iterator[Target]:
    """The pinned certificate is on all nodes but one."""
    ours = Authority()
    pinned = ours.issue(HERE)
    pin = fingerprint(pinned.der)
    yield from balanced(ours.issue(HERE), pinned, fingerprint_sha256=pin)
