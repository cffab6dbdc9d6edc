import ssl
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.diagnosis.facts import checked
from shared.diagnosis.outcomes import Facts
from tests.certificates.crafted import Authority
from tests.network.loopback import LOOPBACK_ALLOWED, soon
from tests.network.servers import hold, serving
from worker.tcp.connection import Connection, TargetAddress, TlsClient, fingerprint
from worker.tls.shown_certificate import noting_certificate

AUTHORITY = Authority()
ISSUED = AUTHORITY.issue("127.0.0.1")


def noted(trusted: str | None) -> list[Facts]:
    """Return what is told of a handshake with a client that trusts an authority, or none."""
    told: list[Facts] = []
    context = ssl.create_default_context(cadata=trusted)
    with serving(hold, tls=ISSUED.server_context()) as server:
        connection = Connection(TargetAddress.parse("127.0.0.1", server.port), LOOPBACK_ALLOWED)
        with connection:
            connection.open(soon())
            with (
                suppress(ssl.SSLError),
                noting_certificate(connection, lambda _, facts: told.append(facts)),
            ):
                connection.secure(TlsClient(context, "127.0.0.1"), soon())
    return told


def test_the_certificate_of_a_handshake_is_told_with_its_key() -> None:
    """A comparison of sites needs to know whether they were shown the same."""
    (facts,) = noted(AUTHORITY.pem)

    key = x509.load_der_x509_certificate(ISSUED.der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert facts["sha256"] == fingerprint(ISSUED.der)
    assert facts["key_sha256"] == fingerprint(spki)
    assert facts["issuer"]
    assert checked(facts) == facts


def test_a_certificate_that_was_refused_is_told_as_well() -> None:
    """It is the one that differs."""
    (facts,) = noted(None)

    assert facts["sha256"] == fingerprint(ISSUED.der)


def test_a_connection_without_a_certificate_tells_none() -> None:
    """A handshake that fails before it has nothing to compare."""
    told: list[Facts] = []
    with serving(hold) as server:
        connection = Connection(TargetAddress.parse("127.0.0.1", server.port), LOOPBACK_ALLOWED)
        with connection:
            connection.open(soon())
            with noting_certificate(connection, lambda _, facts: told.append(facts)):
                pass

    assert not told
