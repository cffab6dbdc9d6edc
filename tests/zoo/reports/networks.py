"""People who get no answer, or only some of the time: names, packets, ports and certificates."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from dns.message import Message

from tests.certificates.crafted import Authority, Issued, Validity
from tests.network.name_server import failing, knowing, resolving
from tests.network.namespaces import filter_packets
from tests.network.servers import Peer, serving
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import SECRET, USER, Appliance, vsphere
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.reports.kubernetes import GOOD, api_server
from tests.zoo.situations import OWN_ADDRESS, over_tls, trusting
from tests.zoo.tls_servers import below
from tests.zoo.visit import PASSED
from tests.zoo.web import certificate_files, nginx

NAME = "cloud.example.com"


def _cluster(endpoint: str) -> Target:
    return Target(endpoint, "kubernetes", "portal", GOOD)


def _zstack(endpoint: str) -> Target:
    return Target(endpoint)


@report(
    "https://github.com/passteque/gluetun/issues/1989",
    "I",
    "tls_handshake",
    right=["tls.handshake_timeout", "tcp.*"],
    says=["MTU", "small"],
    never=["does not use TLS", "uses plain http,"],
    network=("link set lo gso_max_segs 1",),
)
def large_packets_are_lost() -> Iterator[Target]:
    """A tunnel loses all packets of full size, and nobody tells the platform.

    "TLS handshake timeout", while some addresses worked: the MTU had to be lowered.
    """
    filter_packets("input", "tcp sport 443 meta length > 1100 drop")
    top = Authority("Top")
    middle, low = Authority("Middle", above=top), Authority("Low", above=top)
    tls = below(middle.issue("127.0.0.1"), middle, low, top).server_context()
    with serving(_holding, tls=tls, port=443):
        target = trusting(top, _cluster("https://127.0.0.1:443"))
        options = {**target.options, "timeoutSeconds": 4}
        yield Target(target.endpoint, "kubernetes", "portal", GOOD, options)


def _holding(peer: Peer) -> None:
    peer.hold()


@report(
    "https://github.com/kubernetes/ingress-nginx/issues/909",
    "H",
    "tls_handshake",
    right=["tcp.proxy_protocol", "tls.eof_after_hello", "tls.reset_after_hello"],
    says=["PROXY protocol"],
)
def the_port_is_for_a_load_balancer() -> Iterator[Target]:
    """The port is for a load balancer: it wants a line of the PROXY protocol before the TLS.

    Browsers and curl were hung up on ("Unknown SSL protocol error").
    """
    authority = Authority()
    with (
        certificate_files(authority.issue("127.0.0.1")) as (chain, key),
        nginx(
            f"ssl_certificate {chain}; ssl_certificate_key {key};", listening="ssl proxy_protocol"
        ) as port,
    ):
        yield trusting(authority, _cluster(f"https://127.0.0.1:{port}"))


@report(
    "https://github.com/notepad-plus-plus/npp-usermanual/issues/515",
    "G",
    "tls_handshake",
    right=["tls.expired"],
    says=["another connection|other connection|valid one"],
)
def one_node_of_three_is_out_of_date() -> Iterator[Target]:
    """Behind one address are three nodes, and one of them has the old certificate.

    Some loads showed the certificate that had expired, and others the new one.
    """
    authority, now = Authority(), datetime.now(UTC)
    past = Validity(now - timedelta(days=90), now - timedelta(days=3))
    old = authority.issue("127.0.0.1", validity=past).server_context()
    new = authority.issue("127.0.0.1").server_context()

    def showing(tls: ssl.SSLContext, peer: Peer) -> None:
        peer.shake_hands_rudely(tls)

    with serving(partial(showing, old), partial(showing, new)) as server:
        yield trusting(authority, _cluster(f"https://127.0.0.1:{server.port}"))


@report(
    "https://github.com/axeII/home-ops/pull/3806",
    "Z",
    PASSED,
    network=(f"address add {OWN_ADDRESS}/32 dev lo",),
)
def the_name_does_not_exist_for_ipv6() -> Iterator[Target]:
    """A name server denies the name when it is asked for IPv6, and has its IPv4 address.

    NXDOMAIN instead of an empty answer: some clients believed it, and the platform was up.
    """
    known = knowing({NAME: [f"A {OWN_ADDRESS}"]})
    denied = knowing({})
    with (
        resolving(lambda query: (denied if "AAAA" in str(query.question[0]) else known)(query)),
        zstack_node(host=OWN_ADDRESS) as (_, port),
    ):
        yield _zstack(f"http://{NAME}:{port}")


@report(
    "https://github.com/iijlab/dnsext/issues/146",
    "Z",
    PASSED,
    network=(f"address add {OWN_ADDRESS}/32 dev lo",),
)
def the_name_server_fails_for_ipv6() -> Iterator[Target]:
    """A name server fails when it is asked for IPv6 (SERVFAIL), and has the IPv4 address.

    Old load balancers with DNS do that; the platform was up, and browsers opened it.
    """
    known = knowing({NAME: [f"A {OWN_ADDRESS}"]})
    failed = failing("SERVFAIL")
    with (
        resolving(lambda query: (failed if "AAAA" in str(query.question[0]) else known)(query)),
        zstack_node(host=OWN_ADDRESS) as (_, port),
    ):
        yield _zstack(f"http://{NAME}:{port}")


@report(
    "https://github.com/TechnitiumSoftware/DnsServer/issues/424",
    "I",
    PASSED,
    "dns_lookup",
    right=["dns.intermittent", "dns.servfail", "dns.resolver_failed"],
    open=["self.undetermined"],
    says=["\\b(now|again|sometimes|at times|not always)\\b"],
    never=["DNSSEC"],
    network=(f"address add {OWN_ADDRESS}/32 dev lo",),
)
def the_name_server_fails_now_and_then() -> Iterator[Target]:
    """A name server fails at times (SERVFAIL), and answers the same question a moment later.

    It gave up on a slow server above it; nothing was wrong with the name, nor with its signatures.
    """
    known, failed = knowing({NAME: [f"A {OWN_ADDRESS}"]}), failing("SERVFAIL")
    seen: set[str] = set()

    def at_first(query: Message) -> Message | bytes | None:
        kind = str(query.question[0])
        answer = known if kind in seen else failed
        seen.add(kind)
        return answer(query)

    with resolving(at_first), zstack_node(host=OWN_ADDRESS) as (_, port):
        yield _zstack(f"http://{NAME}:{port}")


def _marked(asked: Asked) -> Reply:
    answer = api_server(asked)
    return Reply(
        answer.status, f"\N{ZERO WIDTH NO-BREAK SPACE}{answer.body}", headers=answer.headers
    )


@report("https://github.com/guzzle/guzzle/issues/421", "Z", PASSED)
def the_json_begins_with_a_mark() -> Iterator[Target]:
    """Something on the way puts a byte order mark before every JSON.

    RFC 8259 8.1 lets a reader ignore it; the client there could not decode it.
    """
    yield from over_tls(_marked, _cluster)


@report(
    "https://github.com/zstackio/zstack-dashboard/issues/137",
    "O",
    "tcp_connect",
    right=["tcp.refused"],
    says=["8080"],
    network=(),
)
def the_ui_is_down_and_the_api_is_up() -> Iterator[Target]:
    """The port of ZStack's web UI, 5000, is closed; the API's, 8080, is open.

    The UI was "running" and did not listen; whoever wants the API needs another port anyway.
    """
    with zstack_node(port=8080):
        yield _zstack("http://127.0.0.1:5000")


def _with_negative_serial(authority: Authority, issued: Issued) -> bytes:
    """Return the certificate in DER with another serial number, signed again: RFC 5280 4.1.2.2."""
    serial = issued.certificate.serial_number
    positive = serial.to_bytes(20, "big")
    negative = bytes([positive[0] | 0x80]) + positive[1:]
    changed = issued.certificate.tbs_certificate_bytes.replace(positive, negative, 1)
    key = authority._key  # noqa: SLF001 -- the library makes no such certificate
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = b"\x03" + _sized(b"\0" + key.sign(changed, ec.ECDSA(SHA256())))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return b"\x30" + _sized(changed + algorithm + signature)


def _sized(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets + content


@report("https://github.com/vmware/govmomi/issues/345", "Z", PASSED)
def the_serial_number_is_negative() -> Iterator[Target]:
    """The certificate of a vCenter has a negative serial number, as its own tool made it.

    RFC 5280 forbids it, and Go refuses it; OpenSSL and the browsers don't mind.
    """
    authority = Authority()
    issued = authority.issue("127.0.0.1")
    while issued.certificate.serial_number.bit_length() <= 152:
        issued = authority.issue("127.0.0.1")
    tls = issued.server_context(_with_negative_serial(authority, issued))
    rule = partial(vsphere, Appliance())
    with answering_by(rule, tls) as port:
        target = Target(f"https://127.0.0.1:{port}", "vsphere", USER, SECRET)
        yield trusting(authority, target)
