"""TLS that looks wrong and is not."""

import ssl
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.certificates.crafted import A_DAY, NOW, Authority, Issued, Validity, rsa_key, self_signed
from tests.network.namespaces import dns_answer, name_server_addresses, name_servers
from tests.network.servers import answering, reply, serving
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, healthy
from tests.zoo.faults.tls_certificate import PAST
from tests.zoo.tls_servers import below, target, trusting
from worker.tcp.connection import fingerprint

HERE = "127.0.0.1"
NAME_SERVERS_ON_LO = tuple(
    f"address add {address}/32 dev lo"
    for address in name_server_addresses()
    if not address.startswith("127.")
)


def platform(tls: ssl.SSLContext, host: str = HERE, **options: Any) -> Iterator[Target]:
    """Give the target of a platform behind `tls`."""
    with zstack_node(tls=tls) as (_, port):
        yield target(port, host, **options)


def ordinary(issued: Issued, ours: Authority, host: str = HERE) -> Iterator[Target]:
    """Give the target of a platform with a certificate that the caller's authority issued."""
    yield from platform(issued.server_context(), host, **trusting(ours))


@healthy()
def address_in_the_certificate() -> Iterator[Target]:
    """The endpoint is an address, and the certificate is for it."""
    ours = Authority()
    yield from ordinary(ours.issue("cloud.example.com", HERE), ours)


@healthy(network=("address add 10.9.0.1/32 dev lo", *NAME_SERVERS_ON_LO))
def wildcard() -> Iterator[Target]:
    """The certificate is for all names of the domain."""
    ours = Authority()
    tls = ours.issue("*.example.com").server_context()
    answers = name_servers(lambda query: dns_answer(query, addresses=["10.9.0.1"]))
    with answers, serving(answering(reply()), tls=tls, host="10.9.0.1") as server:
        endpoint = f"https://cloud.example.com:{server.port}"
        yield Target(endpoint, product_type="https", options={"tls": trusting(ours)})


@healthy()
def intermediate_sent() -> Iterator[Target]:
    """The caller trusts the root, and the server sends what is between."""
    ours = Authority()
    middle = Authority("Issuing", above=ours)
    yield from ordinary(below(middle.issue(HERE), middle), ours)


@healthy()
def intermediate_given_as_the_authority() -> Iterator[Target]:
    """The caller trusts the intermediate, and nobody shows the root."""
    middle = Authority("Issuing", above=Authority())
    yield from ordinary(below(middle.issue(HERE), middle), middle)


@healthy()
def certificate_of_the_server_given() -> Iterator[Target]:
    """The caller trusts the server's own certificate, which an unknown authority issued."""
    issued = Authority().issue(HERE)
    yield from platform(issued.server_context(), HERE, ca_certificate=issued.pem)


@healthy()
def chain_in_an_odd_order() -> Iterator[Target]:
    """The chain is sent from the root down, and with a stranger in it."""
    ours = Authority()
    upper = Authority("Upper", above=ours)
    lower = Authority("Lower", above=upper)
    stranger = Authority("Stranger")
    yield from ordinary(below(lower.issue(HERE), ours, stranger, upper, lower), ours)


@healthy()
def expired_cross_certificate() -> Iterator[Target]:
    """The chain holds an expired certificate that nobody needs."""
    ours = Authority()
    yield from ordinary(below(ours.issue(HERE), Authority("Old Root", PAST)), ours)


@healthy()
def ed25519_key() -> Iterator[Target]:
    """The certificate's key is Ed25519."""
    ours = Authority()
    yield from ordinary(ours.issue(HERE, key=ed25519.Ed25519PrivateKey.generate()), ours)


@healthy()
def rsa_key_of_an_ecdsa_authority() -> Iterator[Target]:
    """The certificate's key is RSA, and its authority's is ECDSA."""
    ours = Authority()
    yield from ordinary(ours.issue(HERE, key=rsa_key()), ours)


@healthy()
def last_of_many_names() -> Iterator[Target]:
    """The certificate is for five hundred names, the last of which is ours."""
    ours = Authority()
    names = [f"{number}.example.com" for number in range(500)]
    yield from ordinary(ours.issue(*names, "localhost"), ours, "localhost")


@healthy()
def tls_1_2_alone() -> Iterator[Target]:
    """The server has TLS 1.2 and nothing newer."""
    ours = Authority()
    tls = ours.issue(HERE).server_context()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    yield from platform(tls, **trusting(ours))


@healthy()
def client_certificate_asked_for() -> Iterator[Target]:
    """The server asks for a client certificate, and does without one."""
    ours = Authority()
    tls = ours.issue(HERE).server_context()
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.load_verify_locations(cadata=ours.pem)
    yield from platform(tls, **trusting(ours))


@healthy()
def client_certificate_asked_for_without_tickets() -> Iterator[Target]:
    """The server asks for a client certificate, does without one, and sends no tickets."""
    ours = Authority()
    tls = ours.issue(HERE).server_context()
    tls.verify_mode, tls.num_tickets = ssl.CERT_OPTIONAL, 0
    tls.load_verify_locations(cadata=ours.pem)
    yield from platform(tls, **trusting(ours))


@healthy()
def no_tickets() -> Iterator[Target]:
    """The server sends no session tickets."""
    ours = Authority()
    tls = ours.issue(HERE).server_context()
    tls.num_tickets = 0
    yield from platform(tls, **trusting(ours))


@healthy()
def pinned_whatever_it_says() -> Iterator[Target]:
    """The certificate is self-signed, expired and for another name, and the caller pinned it."""
    issued = self_signed("appliance.local", validity=PAST)
    yield from platform(issued.server_context(), fingerprint_sha256=fingerprint(issued.der))


@healthy("tls.identity_unchecked")
def unverified() -> Iterator[Target]:
    """The certificate is self-signed, and the caller wants it unverified."""
    yield from platform(self_signed(HERE).server_context(), verify=False)


@healthy("tls.expiring_soon")
def ending_this_month() -> Iterator[Target]:
    """The certificate is good for three more weeks."""
    ours = Authority()
    yield from ordinary(ours.issue(HERE, validity=Validity(not_after=NOW + 21 * A_DAY)), ours)


@healthy("tls.expiring_very_soon")
def ending_this_week() -> Iterator[Target]:
    """The certificate is good for three more days."""
    ours = Authority()
    yield from ordinary(ours.issue(HERE, validity=Validity(not_after=NOW + 3 * A_DAY)), ours)


@healthy("proxy.tls_interception")
def inspected_with_the_callers_consent() -> Iterator[Target]:
    """A proxy inspects TLS, and the caller trusts its authority."""
    ours = Authority("Zscaler Root CA")
    yield from ordinary(ours.issue(HERE), ours)
