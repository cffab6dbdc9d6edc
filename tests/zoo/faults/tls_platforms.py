"""Certificates as platforms make them for themselves, and what callers do with them."""

from collections.abc import Iterator
from datetime import timedelta
from ssl import PEM_cert_to_DER_cert

from tests.certificates.crafted import NOW, Authority, Validity, self_signed
from tests.certificates.written import (
    Written,
    alternatives,
    common_name,
    constraints,
    distinguished_name,
    dns,
    ip,
    written,
)
from tests.zoo.fault import Target, fault
from tests.zoo.faults.tls_rules import FOR_HERE, sent
from tests.zoo.tls_servers import below, shown, trusting
from worker.tcp.connection import fingerprint

HERE = "127.0.0.1"
ELSEWHERE = Authority("Elsewhere")


def own_authority(subject: bytes) -> Written:
    """Return an authority that a platform has made, under the name that it gives to it."""
    return written(constraints(), subject=subject)


def issued_by(subject: bytes) -> Iterator[Target]:
    """Give the target of a platform whose own authority issued its certificate."""
    theirs, other = own_authority(subject), own_authority(common_name("Other"))
    yield from sent(written(FOR_HERE, above=theirs), theirs, trusted=other)


@fault("tls_handshake", "tls.private_ca")
def authority_of_vcenter() -> Iterator[Target]:
    """The authority of vCenter is called CA, and vCenter offers its certificate."""
    name = distinguished_name(CN="CA", O="vcenter.example.com", OU="VMware Engineering")
    yield from issued_by(name)


@fault("tls_handshake", "tls.private_ca")
def authority_of_proxmox() -> Iterator[Target]:
    """The authority of a Proxmox VE cluster."""
    name = distinguished_name(
        CN="Proxmox Virtual Environment", OU="c0ffee", O="PVE Cluster Manager CA"
    )
    yield from issued_by(name)


@fault("tls_handshake", "tls.private_ca")
def authority_of_kubernetes() -> Iterator[Target]:
    """The authority of a cluster that kubeadm set up."""
    yield from issued_by(common_name("kubernetes"))


@fault("tls_handshake", "tls.self_signed", "tls.default_certificate")
def fake_certificate_of_an_ingress() -> Iterator[Target]:
    """The ingress controller has no certificate for the host."""
    name = distinguished_name(O="Acme Co", CN="Kubernetes Ingress Controller Fake Certificate")
    yield from sent(
        written(alternatives(dns("ingress.local")), subject=name),
        trusted=own_authority(common_name("Other")),
        host="localhost",
    )


@fault("tls_handshake", "tls.ip_not_in_san")
def names_inside_of_the_cluster() -> Iterator[Target]:
    """The API server's certificate has the cluster's inner names, which lead nowhere outside."""
    ours = own_authority(common_name("kubernetes"))
    names = [dns("kubernetes"), dns("kubernetes.default.svc"), ip("10.96.0.1")]
    yield from sent(written(alternatives(*names), above=ours), trusted=ours, host=HERE)


@fault("tls_handshake", "tls.self_signed")
def appliance_with_a_new_certificate() -> Iterator[Target]:
    """The caller has the certificate that the appliance had before."""
    yield from shown(self_signed(HERE), ca_certificate=self_signed(HERE).pem)


@fault("tls_handshake", "tls.incomplete_chain")
def another_authority_than_the_issuer_given() -> Iterator[Target]:
    """The caller gave an authority, and the server sends nothing that leads to it."""
    yield from shown(Authority("Contoso Root").issue(HERE), **trusting(ELSEWHERE))


@fault("tls_handshake", "tls.pin_changed")
def issuer_pinned() -> Iterator[Target]:
    """The caller pinned the certificate of the issuer, not the server's own."""
    middle = Authority("Issuing", above=Authority("Root"))
    pin = fingerprint(PEM_cert_to_DER_cert(middle.pem))
    yield from shown(below(middle.issue(HERE), middle), fingerprint_sha256=pin)


@fault("tls_handshake", "tls.expired")
def expired_a_moment_ago() -> Iterator[Target]:
    """The certificate expired today, and its hour is what counts."""
    ours = Authority()
    yield from shown(
        ours.issue(HERE, validity=Validity(not_after=NOW - timedelta(seconds=1))), **trusting(ours)
    )
