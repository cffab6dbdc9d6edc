import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.certificates.crafted import Authority, Issued, self_signed
from tests.network.loopback import LOOPBACK_ALLOWED, NAME, loopback, soon
from tests.network.servers import ScriptedServer, hold, serving
from worker.tcp.connection import Connection
from worker.tls.handshake_messages import Flight, hear_flight


def flight_to(server: ScriptedServer, name: str = NAME) -> Flight:
    return hear_flight(Connection(loopback(server.port), LOOPBACK_ALLOWED), name, soon())


@contextmanager
def demanding(issued: Issued, highest: ssl.TLSVersion) -> Iterator[ScriptedServer]:
    tls = issued.server_context()
    tls.maximum_version = highest
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=issued.pem)
    with serving(hold, tls=tls) as server:
        yield server


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_version_the_cipher_and_every_certificate_are_heard(highest: ssl.TLSVersion) -> None:
    """TLS 1.3 lays its certificates out differently, and encrypts them."""
    root = Authority("Root")
    leaf = Authority("Middle", above=root).issue(NAME)
    issued = Issued(leaf.certificate, leaf.key, [root.certificate])
    tls = issued.server_context()
    tls.maximum_version = highest

    with serving(hold, tls=tls) as server:
        flight = flight_to(server)

    assert flight.protocol == highest.name.replace("_", ".")
    assert "GCM" in flight.cipher or "CHACHA" in flight.cipher
    assert flight.certificates == (issued.der, ssl.PEM_cert_to_DER_cert(root.pem))
    assert (flight.error, flight.alerts, flight.asks_client_certificate) == (None, [], False)


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_demand_for_a_client_certificate_is_heard_whatever_follows(
    highest: ssl.TLSVersion,
) -> None:
    """With TLS 1.2 the handshake fails, with 1.3 it seems to succeed; the message tells both."""
    issued = self_signed(NAME)
    with demanding(issued, highest) as server:
        flight = flight_to(server)

    assert flight.asks_client_certificate
    assert flight.certificates == (issued.der,)
    assert (flight.error is None) == (highest is ssl.TLSVersion.TLSv1_3)


def test_the_number_of_an_alert_is_heard() -> None:
    """RFC 8446 6.2 numbers them; texts differ between versions of OpenSSL."""
    tls = self_signed(NAME).server_context()
    tls.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with serving(hold, tls=tls) as server:
        flight = flight_to(server)

    assert flight.alerts == [112]
    assert flight.protocol == ""
    assert isinstance(flight.error, ssl.SSLError)


def test_without_a_name_none_is_sent() -> None:
    """Comparing with and without SNI needs a handshake without it."""
    names: list[str | None] = []
    tls = self_signed(NAME).server_context()
    tls.sni_callback = lambda _, name, __: names.append(name)
    with serving(hold, tls=tls) as server:
        flight_to(server, "")

    assert names == [None]


def test_a_server_from_the_past_is_heard_too() -> None:
    """What it has is the evidence that it has nothing better."""
    tls = self_signed(NAME).server_context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1
    with serving(hold, tls=tls) as server:
        assert flight_to(server).protocol == "TLSv1"


def test_the_authorities_of_client_certificates_are_heard() -> None:
    """Whoever needs a client certificate has to know whose."""
    names = b"".join(Authority(name).subject.public_bytes() for name in ("Partner", "Überall CA"))
    heard = ssl.SSLSocket.__new__(ssl.SSLSocket)
    flight = Flight()

    flight.hear(heard, "read", 0x0303, 22, 13, b"\x0d\0\0\x50" + names)

    assert flight.client_authorities == ("Partner", "Überall CA")


@pytest.mark.parametrize("kind", [2, 11, 13])
@pytest.mark.parametrize("version", [0x0303, 0x0304])
def test_no_message_breaks_the_hearing(kind: int, version: int) -> None:
    """Messages are heard before OpenSSL has judged them, and every byte is hostile."""
    dishonest = bytes([kind, 0, 0, 9, 3, 3]) + b"\xff" * 90 + b"\x06\x03\x55\x04\x03" * 9
    heard = ssl.SSLSocket.__new__(ssl.SSLSocket)

    for length in range(len(dishonest) + 1):
        flight = Flight()
        flight.hear(heard, "read", version, 22, kind, dishonest[:length])
        assert len(flight.certificates) < 10
        assert len(flight.client_authorities) < 10
