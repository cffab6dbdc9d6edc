"""Certificates that nobody should accept, or not for that name, or not any more."""

import ssl
from collections.abc import Iterator
from datetime import timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certificates.crafted import (
    A_DAY,
    NOW,
    Authority,
    Issued,
    Validity,
    forbidden_certificate,
    rsa_key,
    self_signed,
    signed_with_sha1,
    weak_key,
)
from tests.network.servers import hold, serving
from tests.zoo.fault import Target, fault
from tests.zoo.tls_servers import below, shown, target, trusting

HERE = "127.0.0.1"
PAST = Validity(not_after=NOW - 10 * A_DAY - timedelta(hours=1))
FUTURE = Validity(not_before=NOW + A_DAY)


@fault("tls_handshake", "tls.expired")
def expired() -> Iterator[Target]:
    """The certificate expired ten days ago."""
    ours = Authority()
    yield from shown(ours.issue(HERE, validity=PAST), **trusting(ours))


@fault("tls_handshake", "tls.chain_expired")
def expired_intermediate() -> Iterator[Target]:
    """The certificate is good, but the intermediate above it expired."""
    ours = Authority()
    middle = Authority("Middle", PAST, above=ours)
    yield from shown(below(middle.issue(HERE), middle), **trusting(ours))


@fault("tls_handshake", "tls.chain_expired")
def expired_root() -> Iterator[Target]:
    """The authority that the caller gave has expired itself."""
    ours = Authority("Ours", PAST)
    yield from shown(ours.issue(HERE), **trusting(ours))


@fault("tls_handshake", "tls.not_yet_valid")
def not_yet_valid() -> Iterator[Target]:
    """The certificate begins tomorrow."""
    ours = Authority()
    yield from shown(ours.issue(HERE, validity=FUTURE), **trusting(ours))


@fault("tls_handshake", "tls.self_signed")
def self_signed_certificate() -> Iterator[Target]:
    """The certificate is self-signed, as appliances make it when they are set up."""
    yield from shown(self_signed(HERE))


@fault("tls_handshake", "tls.self_signed", "tls.expired", "tls.hostname_mismatch")
def everything_at_once() -> Iterator[Target]:
    """The certificate is self-signed, expired and for another name."""
    yield from shown(self_signed("appliance.local", validity=PAST), "localhost")


@fault("tls_handshake", "tls.self_signed", "tls.not_yet_valid", "tls.ip_not_in_san")
def installed_with_a_wrong_clock() -> Iterator[Target]:
    """A self-signed certificate of tomorrow, for a name, is called by address."""
    yield from shown(self_signed("appliance.local", validity=FUTURE))


@fault("tls_handshake", "tls.self_signed")
def unreadable_to_a_strict_library() -> Iterator[Target]:
    """A self-signed certificate has the same extension twice, which RFC 5280 forbids."""
    issued, der = forbidden_certificate()
    with serving(hold, tls=issued.server_context(der)) as server:
        yield target(server.port)


@fault("tls_handshake", "tls.private_ca")
def private_authority_in_the_chain() -> Iterator[Target]:
    """The chain is complete, but its authority is unknown."""
    root = Authority("Contoso Root")
    yield from shown(below(root.issue(HERE), root))


@fault("tls_handshake", "tls.private_ca")
def private_authority_not_sent() -> Iterator[Target]:
    """The server sends its intermediate, and the authority above it is unknown."""
    middle = Authority("Contoso Issuing", above=Authority("Contoso Root"))
    yield from shown(below(middle.issue(HERE), middle))


@fault("tls_handshake", "tls.private_ca")
def private_authority_without_a_chain() -> Iterator[Target]:
    """The server sends its own certificate alone, of an authority that is not public."""
    yield from shown(Authority("Contoso Root").issue(HERE))


@fault("tls_handshake", "tls.private_ca", "tls.expired", "tls.ip_not_in_san")
def private_expired_and_for_a_name() -> Iterator[Target]:
    """The certificate of an unknown authority expired, and is called by address."""
    yield from shown(Authority("Contoso Root").issue("cloud.contoso.com", validity=PAST))


@fault("tls_handshake", "tls.incomplete_chain")
def missing_intermediate_of_a_public_kind() -> Iterator[Target]:
    """The server does not send the intermediate; the certificate says where it can be had."""
    middle = Authority("Public Issuing", above=Authority("Public Root"))
    yield from shown(middle.issue(HERE, issuer_url="http://127.0.0.1:1/issuing.der"))


@fault("tls_handshake", "tls.incomplete_chain")
def missing_intermediate_below_the_callers_authority() -> Iterator[Target]:
    """The caller gave the root, but the server does not send the intermediate."""
    ours = Authority("Ours")
    middle = Authority("Issuing", above=ours)
    yield from shown(middle.issue(HERE), **trusting(ours))


@fault("tls_handshake", "tls.incomplete_chain")
def intermediate_of_somebody_else() -> Iterator[Target]:
    """The server sends an intermediate that belongs to another certificate."""
    middle = Authority("Issuing 2026", above=Authority("Root"))
    other = Authority("Issuing 2021", above=Authority("Root"))
    yield from shown(below(middle.issue(HERE), other))


@fault("tls_handshake", "tls.signature_invalid")
def authority_set_up_anew() -> Iterator[Target]:
    """The authority was set up anew under its old name, and the caller has the old one."""
    yield from shown(Authority("Ours").issue(HERE), **trusting(Authority("Ours")))


@fault("tls_handshake", "tls.hostname_mismatch")
def another_name() -> Iterator[Target]:
    """The certificate is for other names."""
    ours = Authority()
    yield from shown(ours.issue("a.example.org", "b.example.org"), "localhost", **trusting(ours))


@fault("tls_handshake", "tls.hostname_mismatch")
def wildcard_for_names_below() -> Iterator[Target]:
    """A wildcard is for the names below, and not for the name itself."""
    ours = Authority()
    yield from shown(ours.issue("*.localhost"), "localhost", **trusting(ours))


@fault("tls_handshake", "tls.hostname_mismatch", "tls.default_vhost_cert")
def another_hosts_certificate() -> Iterator[Target]:
    """The server chooses by name, and shows the certificate of another host."""
    ours = Authority()
    default, wrong = ours.issue("default.example"), ours.issue("other.example")
    tls, chosen = default.server_context(), wrong.server_context()

    def choose(asked: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            asked.context = chosen

    tls.sni_callback = choose
    with serving(hold, tls=tls) as server:
        yield target(server.port, "localhost", **trusting(ours))


@fault("tls_handshake", "tls.ip_not_in_san")
def called_by_address() -> Iterator[Target]:
    """The certificate is for a name, and the endpoint is an address."""
    ours = Authority()
    yield from shown(ours.issue("cloud.example.com"), **trusting(ours))


@fault("tls_handshake", "tls.ip_not_in_san")
def address_written_as_a_name() -> Iterator[Target]:
    """The address stands in the common name alone."""
    ours = Authority()
    yield from shown(ours.issue(common_name=HERE), **trusting(ours))


@fault("tls_handshake", "tls.cn_only")
def common_name_alone() -> Iterator[Target]:
    """The name stands in the common name alone, as before 2000."""
    ours = Authority()
    yield from shown(ours.issue(common_name="localhost"), "localhost", **trusting(ours))


@fault("tls_handshake", "tls.weak_key_or_hash")
def weak_rsa_key() -> Iterator[Target]:
    """The key is RSA with 1024 bits."""
    ours = Authority()
    yield from shown(ours.issue(HERE, key=weak_key()), **trusting(ours))


@fault("tls_handshake", "tls.expired", "tls.weak_key_or_hash")
def weak_and_expired() -> Iterator[Target]:
    """The certificate is from 2012 in every respect: RSA 1024, and expired."""
    ours = Authority()
    yield from shown(ours.issue(HERE, key=weak_key(), validity=PAST), **trusting(ours))


@fault("tls_handshake", "tls.weak_key_or_hash")
def weak_intermediate() -> Iterator[Target]:
    """The key of the intermediate is RSA with 1024 bits."""
    ours = Authority()
    middle = Authority("Issuing", above=ours, key=weak_key())
    yield from shown(below(middle.issue(HERE), middle), **trusting(ours))


@fault("tls_handshake", "tls.weak_key_or_hash")
def broken_signature_hash() -> Iterator[Target]:
    """The signature's hash is SHA-1, which can be forged."""
    key = rsa_key()
    ours = Authority(key=key)
    yield from shown(signed_with_sha1(ours.issue(HERE), key), **trusting(ours))


@fault("tls_handshake", "tls.wrong_eku")
def certificate_of_a_client() -> Iterator[Target]:
    """The certificate is for clients."""
    ours = Authority()
    issued = ours.issue(HERE, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    yield from shown(issued, **trusting(ours))


@fault("tls_handshake", "tls.wrong_ca_flag")
def issued_by_a_server() -> Iterator[Target]:
    """The issuer is a server's certificate, which may not issue any."""
    ours = Authority()
    middle = Authority("Server", above=ours, may_issue=False)
    yield from shown(below(middle.issue(HERE), middle), **trusting(ours))


@fault("tls_handshake", "tls.wrong_ca_flag")
def issued_too_far_down() -> Iterator[Target]:
    """The authority allows no authorities below it, and there is one."""
    ours = Authority(path_length=0)
    middle = Authority("Issuing", above=ours)
    yield from shown(below(middle.issue(HERE), middle), **trusting(ours))


@fault("tls_handshake", "tls.pin_changed")
def another_certificate_than_the_pinned_one() -> Iterator[Target]:
    """The certificate was renewed since its fingerprint was noted."""
    yield from shown(self_signed(HERE), fingerprint_sha256="ab" * 32)


@fault("tls_handshake", "tls.private_ca", "proxy.tls_interception")
def inspected_on_the_way() -> Iterator[Target]:
    """A proxy that inspects TLS puts its own certificate in the platform's place."""
    yield from shown(Authority("mitmproxy").issue(HERE))


@fault("tls_handshake", "tls.chain_too_large")
def whole_bundle_sent() -> Iterator[Target]:
    """The server sends a bundle of all authorities instead of its own."""
    ours = Authority()
    issued = ours.issue(HERE)
    yield from shown(Issued(issued.certificate, issued.key, [ours.certificate] * 400))
