import socket
import ssl
from datetime import UTC, datetime
from time import thread_time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates.crafted import Authority, Issued, Validity
from tests.network.loopback import LOOPBACK_ALLOWED, NAME, loopback, soon
from tests.network.servers import hang_up_after_reading, hold, serving
from worker.tcp.connection import Connection, fingerprint
from worker.tls.certificate import MOST_NAMES
from worker.tls.chain import (
    MOST_READ,
    Chain,
    NoCertificateError,
    chain_of,
    facts_of_each,
    read_chain,
)

CPU_S = 0.5  # ten times what the worst of these attacks took, and far from what one would cost


def chain_from(issued: Issued, der: bytes | None = None) -> Chain:
    """Return the chain that is read from a server that shows `issued`."""
    with serving(hold, tls=issued.server_context(der)) as server:
        return read_chain(Connection(loopback(server.port), LOOPBACK_ALLOWED), NAME, soon())


def with_chain(issued: Issued, *above: Authority) -> Issued:
    return Issued(issued.certificate, issued.key, [one.certificate for one in above])


def test_the_whole_chain_is_read_without_trusting_it() -> None:
    """Who wants to judge a certificate has to see it first."""
    root = Authority("Root")
    middle = Authority("Middle", above=root)

    chain = chain_from(with_chain(middle.issue(NAME), middle, root))

    assert [one.subject for one in chain.path] == ["leaf", "Middle", "Root"]
    assert chain.sent == 3
    assert [one.is_authority for one in chain.path] == [None, True, True]
    assert chain.facts["chain"] == ("leaf", "Middle", "Root")


def test_the_path_is_found_in_whatever_order_it_was_sent() -> None:
    """Servers are set up by hand; RFC 8446 4.4.2 tells clients to be ready for it."""
    root = Authority("Root")
    middle, stranger = Authority("Middle", above=root), Authority("Stranger")

    chain = chain_from(with_chain(middle.issue(NAME), root, stranger, middle))

    assert [one.subject for one in chain.path] == ["leaf", "Middle", "Root"]
    assert chain.sent == 4


def test_issuers_that_name_each_other_end_the_path() -> None:
    """A hostile chain must not be followed for ever."""
    one = Authority("One")
    other = Authority("Other", above=one)
    looped = Authority("One", above=other)

    chain = chain_from(with_chain(other.issue(NAME), other, looped))

    assert [c.subject for c in chain.path] == ["leaf", "Other", "One"]


def test_nothing_but_a_handshake_is_sent() -> None:
    """Whatever is behind the port, it has not been asked for anything."""
    with serving(hold, tls=Authority().issue(NAME).server_context()) as server:
        read_chain(Connection(loopback(server.port), LOOPBACK_ALLOWED), NAME, soon())
        assert server.peer(0).left.wait(5)

        assert server.peer(0).received == b""


def test_a_server_without_a_certificate_shows_none() -> None:
    """A connection that ends before it is an error of the connection, not of a certificate."""
    with serving(hang_up_after_reading) as server, pytest.raises(OSError):  # noqa: PT011 -- whichever it is
        read_chain(Connection(loopback(server.port), LOOPBACK_ALLOWED), NAME, soon())


@pytest.mark.parametrize("certificates", [(), (b"",), (b"\x30\x80\x00\x00",), (b"\x30\x84" * 9,)])
def test_without_a_readable_certificate_there_is_no_chain(certificates: tuple[bytes, ...]) -> None:
    """Its caller expects this one error."""
    with pytest.raises(NoCertificateError):
        chain_of(certificates)


def test_an_address_in_a_certificate_is_never_called() -> None:
    """It could be an address inside of our network; it is evidence, no more."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        url = f"http://127.0.0.1:{inside.getsockname()[1]}/issuer.der"

        chain = chain_from(Authority().issue(NAME, issuer_url=url))

        inside.settimeout(0)
        with pytest.raises(BlockingIOError):
            inside.accept()
    assert chain.leaf.issuer_urls == (url,)


def test_an_endless_chain_is_refused_unread() -> None:
    """OpenSSL takes 100 KiB of certificates, so that a hostile server can't fill our memory."""
    authority = Authority()
    issued = authority.issue(NAME)
    flooded = Issued(issued.certificate, issued.key, [authority.certificate] * 1000)
    with serving(hold, tls=flooded.server_context()) as server:
        twin = Connection(loopback(server.port), LOOPBACK_ALLOWED)
        began_s = thread_time()
        with pytest.raises(ssl.SSLError) as raised:
            read_chain(twin, NAME, soon())

        assert thread_time() - began_s < CPU_S
    assert raised.value.reason == "EXCESSIVE_MESSAGE_SIZE"


def test_of_many_certificates_a_handful_is_read() -> None:
    """Three hundred fit into what OpenSSL takes."""
    authority = Authority()
    many = tuple([authority.certificate.public_bytes(Encoding.DER)] * 300)
    began_s = thread_time()

    chain = chain_of((authority.issue(NAME).der, *many))

    assert (chain.sent, len(chain.rest)) == (301, MOST_READ - 1)
    assert thread_time() - began_s < CPU_S


def test_thousands_of_names_cost_little_and_are_not_shown() -> None:
    """They are counted against a host all the same: the last one may be the right one."""
    issued = Authority().issue(*[f"{number}.example.com" for number in range(4000)], NAME)
    began_s = thread_time()

    leaf = chain_of((issued.der,)).leaf

    assert thread_time() - began_s < CPU_S
    assert len(leaf.names) == MOST_NAMES
    assert leaf.all_names[-1] == NAME


def test_an_oversized_key_costs_little() -> None:
    """No signature is verified with it while it is read."""
    key = rsa.RSAPublicNumbers(65537, (1 << 16_383) + 1).public_key()
    der = Authority().issue(NAME, public_key=key).der
    began_s = thread_time()

    leaf = chain_of((der,)).leaf

    assert (leaf.key_type, leaf.key_bits) == ("RSA", 16_384)
    assert thread_time() - began_s < CPU_S


def test_odd_values_are_read_or_refused_as_a_whole() -> None:
    """Year 9999 is RFC 5280's "never"; a NUL once fooled whoever compared C strings."""
    forever = Validity(not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    issued = Authority().issue(NAME, common_name=f"{NAME}\0.evil.example", validity=forever)

    leaf = chain_of((issued.der,)).leaf

    assert leaf.not_after == forever.not_after
    assert leaf.subject == f"{NAME}\N{REPLACEMENT CHARACTER}.evil.example"


def test_a_negative_serial_number_is_read() -> None:
    """RFC 5280 4.1.2.2 asks for positive ones, and for patience with others."""
    issued = Authority().issue(NAME)
    serial = issued.certificate.serial_number.to_bytes(20)
    der = issued.der.replace(b"\x02\x14" + serial, b"\x02\x14" + b"\x81" + serial[1:])
    assert der != issued.der

    assert chain_of((der,)).leaf.subject == "leaf"


def test_a_certificate_that_can_not_be_read_does_not_hide_the_others() -> None:
    """The leaf says the most, and one bad certificate above it is no reason to lose it."""
    issued = Authority().issue(NAME)

    chain = chain_of((issued.der, b"\x30\x80", b"rubbish"))

    assert (chain.leaf.names, chain.rest, chain.sent) == ((NAME,), (), 3)


def test_every_truncation_is_refused_in_one_way() -> None:
    """Malformed DER must be a verdict, never a broken test."""
    der = Authority().issue(NAME).der

    for length in range(len(der)):
        with pytest.raises(NoCertificateError):
            chain_of((der[:length],))


def test_each_certificate_is_told_by_its_place() -> None:
    """The facts of a step are a flat list."""
    authority = Authority("Root")
    issued = authority.issue("a.example.com")

    facts = facts_of_each([issued.der, b"no certificate"])

    assert facts["certificates"] == 2
    assert facts["0.names"] == ("a.example.com",)
    assert facts["0.issuer"] == "Root"
    assert facts["1.sha256"] == fingerprint(b"no certificate")
    assert "1.subject" not in facts


@pytest.mark.parametrize("der", [b"", b"\x30\x80", b"\xff" * 100])
def test_of_one_that_can_not_be_read_the_sha256_is_known(der: bytes) -> None:
    """A pin compares bytes, and needs nothing else of them."""
    assert facts_of_each([der]) == {"certificates": 1, "0.sha256": fingerprint(der)}
