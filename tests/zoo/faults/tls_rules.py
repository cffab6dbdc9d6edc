"""Certificates that break a rule, of the server's own and of its issuers."""

from collections.abc import Iterator

from tests.certificates.crafted import NOW
from tests.certificates.written import (
    Written,
    alternatives,
    authority,
    authority_key_id,
    constraints,
    dns,
    extension,
    first_flight,
    ip,
    key_usage,
    name_constraints,
    subject_key_id,
    tlv,
    usages,
    written,
)
from tests.network.servers import serving
from tests.zoo.fault import Target, fault
from tests.zoo.tls_servers import answering_bytes, target

HERE = "127.0.0.1"
FOR_HERE = alternatives(dns("localhost"), ip(HERE))
UNKNOWN_CRITICAL = extension("1.3.6.1.4.1.99999.1", b"\x05\x00", critical=True)
CERT_SIGN, DIGITAL_SIGNATURE = 0x04, 0x80
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


def sent(*chain: Written, trusted: Written, host: str = HERE) -> Iterator[Target]:
    """Give the target of a server that sends `chain` to a caller who trusts `trusted`."""
    flight = answering_bytes(first_flight(*(one.der for one in chain)))
    with serving(flight) as server:
        yield target(server.port, host, ca_certificate=trusted.pem)


def below(*extensions: bytes, leaf: tuple[bytes, ...] = (FOR_HERE,)) -> Iterator[Target]:
    """Give the target of a server with an intermediate that has `extensions`."""
    root = authority("Root")
    middle = authority("Middle", *extensions, above=root)
    yield from sent(written(*leaf, above=middle), middle, trusted=root)


@fault("tls_handshake", "tls.certificate_invalid")
def extension_twice() -> Iterator[Target]:
    """The server's certificate has its authority key identifier twice."""
    ours = authority()
    twice = (authority_key_id(b"a"), authority_key_id(b"a"))
    yield from sent(written(FOR_HERE, *twice, above=ours), trusted=ours)


@fault("tls_handshake", "tls.certificate_invalid")
def extension_of_the_root_twice() -> Iterator[Target]:
    """The authority that the caller gave, and that the server sends, is invalid."""
    ours = authority("Ours", constraints(), subject_key_id(b"a"), subject_key_id(b"a"))
    yield from sent(written(FOR_HERE, above=ours), ours, trusted=ours)


@fault("tls_handshake", "tls.certificate_invalid")
def extension_of_the_intermediate_twice() -> Iterator[Target]:
    """The intermediate was sent, and is invalid."""
    yield from below(constraints(), subject_key_id(b"a"), subject_key_id(b"a"))


@fault("tls_handshake", "tls.certificate_invalid")
def unreadable_alternative_names() -> Iterator[Target]:
    """The alternative names are no DER."""
    ours = authority()
    yield from sent(written(extension("2.5.29.17", b"zz"), above=ours), trusted=ours)


@fault("tls_handshake", "tls.certificate_invalid")
def negative_path_length() -> Iterator[Target]:
    """The intermediate's path length is -1."""
    yield from below(constraints(path_length=b"\xff"))


@fault("tls_handshake", "tls.certificate_invalid")
def date_with_fractions() -> Iterator[Target]:
    """The end is given with tenths of a second, which RFC 5280 forbids."""
    ours = authority()
    ends = tlv(0x18, f"{NOW.year + 1}0101000000.5Z".encode())
    yield from sent(written(FOR_HERE, above=ours, ends=ends), trusted=ours)


@fault("tls_handshake", "tls.certificate_unreadable")
def cut_off_certificate() -> Iterator[Target]:
    """The second certificate is cut off."""
    ours = authority()
    leaf = written(FOR_HERE, above=ours)
    flight = answering_bytes(first_flight(leaf.der, ours.der[:-5]))
    with serving(flight) as server:
        yield target(server.port, ca_certificate=ours.pem)


@fault("tls_handshake", "tls.critical_extension")
def unknown_critical_extension() -> Iterator[Target]:
    """The certificate has an extension that only its maker knows, and that must be known."""
    ours = authority()
    yield from sent(written(FOR_HERE, UNKNOWN_CRITICAL, above=ours), trusted=ours)


@fault("tls_handshake", "tls.critical_extension")
def unknown_critical_extension_above() -> Iterator[Target]:
    """The root that the caller gave has it."""
    ours = authority("Ours", constraints(), UNKNOWN_CRITICAL)
    yield from sent(written(FOR_HERE, above=ours), trusted=ours)


@fault("tls_handshake", "tls.name_constraint")
def name_that_is_not_permitted() -> Iterator[Target]:
    """The intermediate is for another domain."""
    yield from below(constraints(), name_constraints(permitted=[dns("example.com")]))


@fault("tls_handshake", "tls.name_constraint")
def address_that_is_not_permitted() -> Iterator[Target]:
    """The intermediate is for other networks."""
    networks = [ip("10.0.0.0", "255.0.0.0")]
    yield from below(constraints(), name_constraints(permitted=networks))


@fault("tls_handshake", "tls.name_constraint")
def name_that_is_excluded() -> Iterator[Target]:
    """The intermediate must not vouch for this name."""
    yield from below(constraints(), name_constraints(excluded=[dns("localhost")]))


@fault("tls_handshake", "tls.not_trusted")
def constraint_of_a_type_without_support() -> Iterator[Target]:
    """The intermediate's constraint is about registered IDs, and the leaf has one."""
    number = tlv(0x88, b"\x2a\x03")
    leaf = alternatives(ip(HERE), number)
    yield from below(constraints(), name_constraints(permitted=[number]), leaf=(leaf,))


@fault("tls_handshake", "tls.wrong_eku")
def key_usage_of_an_authority() -> Iterator[Target]:
    """The certificate's key may sign certificates only."""
    ours = authority()
    yield from sent(written(FOR_HERE, key_usage(CERT_SIGN), above=ours), trusted=ours)


@fault("tls_handshake", "tls.wrong_eku")
def intermediate_for_clients() -> Iterator[Target]:
    """The intermediate may vouch for clients only."""
    yield from below(constraints(), usages(CLIENT_AUTH))


@fault("tls_handshake", "tls.wrong_eku")
def any_usage() -> Iterator[Target]:
    """The certificate is for any usage, which OpenSSL does not count as one for servers."""
    ours = authority()
    yield from sent(written(FOR_HERE, usages("2.5.29.37.0"), above=ours), trusted=ours)


@fault("tls_handshake", "tls.wrong_ca_flag")
def authority_without_constraints() -> Iterator[Target]:
    """The caller's authority has no basic constraints at all."""
    ours = authority("Ours", subject_key_id(b"a"))
    yield from sent(written(FOR_HERE, above=ours), trusted=ours)


@fault("tls_handshake", "tls.wrong_ca_flag")
def authority_that_may_not_sign_certificates() -> Iterator[Target]:
    """The key usage of the caller's authority lacks keyCertSign."""
    ours = authority("Ours", constraints(), key_usage(DIGITAL_SIGNATURE))
    yield from sent(written(FOR_HERE, above=ours), trusted=ours)


@fault("tls_handshake", "tls.signature_invalid")
def authority_set_up_anew_with_key_identifiers() -> Iterator[Target]:
    """The authority of the same name has another key, which its identifier says as well."""
    given = authority("Ours", constraints(), subject_key_id(b"a"))
    ours = authority("Ours", constraints(), subject_key_id(b"b"))
    leaf = written(FOR_HERE, authority_key_id(b"b"), above=ours)
    yield from sent(leaf, trusted=given)


@fault("tls_handshake", "tls.signature_invalid")
def authority_set_up_anew_and_sent() -> Iterator[Target]:
    """The server sends the new authority, and the caller has the old one."""
    given, ours = authority("Ours"), authority("Ours")
    yield from sent(written(FOR_HERE, above=ours), ours, trusted=given)


@fault("tls_handshake", "tls.signature_invalid")
def intermediate_of_another_generation() -> Iterator[Target]:
    """The server sends the intermediate that had the name before, with another key."""
    root = authority("Root")
    old = authority("Issuing", constraints(), subject_key_id(b"a"), above=root)
    new = authority("Issuing", constraints(), subject_key_id(b"b"), above=root)
    leaf = written(FOR_HERE, authority_key_id(b"b"), above=new)
    yield from sent(leaf, old, trusted=root)


@fault("tls_handshake", "tls.not_trusted")
def key_identifiers_that_differ() -> Iterator[Target]:
    """The right authority has signed, but the certificate names another key for it."""
    ours = authority("Ours", constraints(), subject_key_id(b"a"))
    yield from sent(written(FOR_HERE, authority_key_id(b"b"), above=ours), trusted=ours)


@fault("tls_handshake", "tls.private_ca")
def authority_of_something_else_given() -> Iterator[Target]:
    """The caller gave an authority, but not the one that issued what the server sends."""
    ours, other = authority("Ours"), authority("Theirs")
    yield from sent(written(FOR_HERE, above=ours), ours, trusted=other)
