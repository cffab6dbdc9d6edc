"""Certificates that name the host in a form that does not count."""

from collections.abc import Iterator

from tests.certificates.crafted import Authority, self_signed
from tests.certificates.written import (
    alternatives,
    authority,
    dns,
    email,
    first_flight,
    ip,
    uri,
    written,
)
from tests.network.namespaces import dns_answer, name_servers
from tests.network.servers import serving
from tests.zoo.fault import Target, fault
from tests.zoo.faults.tls_certificate import PAST
from tests.zoo.faults.tls_oddities import NAME_SERVERS_ON_LO
from tests.zoo.faults.tls_rules import sent
from tests.zoo.tls_servers import answering_bytes, shown, target, trusting

HERE = "127.0.0.1"
NAME = "localhost"
ADDRESS = "10.9.0.1"
NETWORK = (f"address add {ADDRESS}/32 dev lo", *NAME_SERVERS_ON_LO)


def named(*names: bytes, host: str = NAME) -> Iterator[Target]:
    """Give the target of a server with a certificate for `names`."""
    ours = authority()
    yield from sent(written(alternatives(*names), above=ours), trusted=ours, host=host)


def resolved(name: bytes, host: str) -> Iterator[Target]:
    """Give the target of a server whose name is in the DNS, with a certificate for `name`."""
    ours = authority()
    flight = answering_bytes(first_flight(written(alternatives(name), above=ours).der))
    answers = name_servers(lambda query: dns_answer(query, addresses=[ADDRESS]))
    with answers, serving(flight, host=ADDRESS) as server:
        yield target(server.port, host, ca_certificate=ours.pem)


@fault("tls_handshake", "tls.ip_not_in_san")
def address_as_a_dns_name() -> Iterator[Target]:
    """The address is in the certificate, but as a DNS name."""
    yield from named(dns(HERE), host=HERE)


@fault("tls_handshake", "tls.ip_not_in_san")
def address_as_a_url() -> Iterator[Target]:
    """The address is in the certificate as a URL with a port."""
    yield from named(uri(f"https://{HERE}:8443/"), dns("other.example"), host=HERE)


@fault("tls_handshake", "tls.ip_not_in_san")
def network_as_an_address() -> Iterator[Target]:
    """The address was written with its mask, as LXD once did."""
    yield from named(ip(HERE, "255.255.255.0"), dns("other.example"), host=HERE)


@fault("tls_handshake", "tls.hostname_mismatch")
def url_as_a_dns_name() -> Iterator[Target]:
    """The whole URL was typed where the name belongs."""
    yield from named(dns(f"https://{NAME}"))


@fault("tls_handshake", "tls.hostname_mismatch")
def port_in_a_dns_name() -> Iterator[Target]:
    """The name was typed with the port."""
    yield from named(dns(f"{NAME}:8443"))


@fault("tls_handshake", "tls.hostname_mismatch")
def final_dot() -> Iterator[Target]:
    """The name is written as in a zone file."""
    yield from named(dns(f"{NAME}."))


@fault("tls_handshake", "tls.hostname_mismatch")
def blank_behind_the_name() -> Iterator[Target]:
    """A blank was copied with the name."""
    yield from named(dns(f"{NAME} "))


@fault("tls_handshake", "tls.hostname_mismatch")
def name_for_mail() -> Iterator[Target]:
    """The name is there as an e-mail address, of the type for those."""
    yield from named(email(f"admin@{NAME}"))


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def wildcard_in_the_middle() -> Iterator[Target]:
    """The wildcard is in the middle of the name."""
    yield from resolved(dns("api.*.example.com"), host="api.cloud.example.com")


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def two_wildcards() -> Iterator[Target]:
    """Two labels are wildcards."""
    yield from resolved(dns("*.*.cloud.example.com"), host="a.b.cloud.example.com")


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def part_of_a_label_as_wildcard() -> Iterator[Target]:
    """A part of a label is a wildcard, as RFC 2818 allowed it."""
    yield from resolved(dns("vc*.cloud.example.com"), host="vc01.cloud.example.com")


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def name_two_labels_below_a_wildcard() -> Iterator[Target]:
    """The name has one label more than the wildcard."""
    yield from resolved(dns("*.cloud.example.com"), host="a.b.cloud.example.com")


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def domain_itself_beside_a_wildcard() -> Iterator[Target]:
    """The wildcard is for the names below, not for the domain."""
    yield from resolved(dns("*.cloud.example.com"), host="cloud.example.com")


@fault("tls_handshake", "tls.hostname_mismatch", network=NETWORK)
def name_outside_ascii() -> Iterator[Target]:
    """The name is written in Latin-1."""
    yield from resolved(dns("b\xfccher.example".encode("latin-1")), host="xn--bcher-kva.example")


@fault("tls_handshake", "tls.hostname_mismatch")
def addresses_alone() -> Iterator[Target]:
    """The certificate is for addresses, and the endpoint has a name."""
    yield from named(ip(HERE))


@fault("tls_handshake", "tls.expired", "tls.hostname_mismatch")
def expired_and_of_another_host() -> Iterator[Target]:
    """The certificate of another host expired."""
    ours = Authority()
    issued = ours.issue("other.example.com", validity=PAST)
    yield from shown(issued, "localhost", **trusting(ours))


@fault("tls_handshake", "tls.self_signed", "tls.ip_not_in_san")
def self_signed_with_the_address_as_a_name() -> Iterator[Target]:
    """An appliance has made itself a certificate, with its address as its name."""
    yield from shown(self_signed("appliance.local"))
