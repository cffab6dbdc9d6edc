"""Read the whole chain of certificates that a server sends, without judging it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.diagnosis.outcomes import Fact
from worker.tls.certificate_reader import Certificate, fingerprint, read_certificate
from worker.tcp.connection import Connection
from worker.deadline import Deadline
from worker.tls.handshake_messages import hear_flight

MOST_READ = 10  # nobody needs more; OpenSSL takes 100 KiB of them


class NoCertificateError(Exception):
    """Raised where a server's own certificate was not sent, or can't be read."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates that a server sent, in its order; all of it is the server's word."""

    leaf: Certificate
    """The server's own."""
    rest: tuple[Certificate, ...]
    """What was sent with it, as far as it was read."""
    sent: int
    """How many certificates were sent, read or not."""

    @property
    def path(self) -> tuple[Certificate, ...]:
        """The leaf and the issuers above it, each named by the one before, as far as sent."""
        return self.leaf, *self._issuers()

    @property
    def facts(self) -> dict[str, Fact]:
        """The leaf as evidence, and the subjects of all that was read."""
        subjects = tuple(certificate.subject for certificate in (self.leaf, *self.rest))
        return {**self.leaf.facts, "chain": subjects, "sent_certificates": self.sent}

    def _issuers(self) -> Iterator[Certificate]:
        left, at = list(self.rest), self.leaf
        while not at.is_self_issued:
            above = next((c for c in left if c.subject_der == at.issuer_der), None)
            if above is None:
                return
            left.remove(above)
            yield above
            at = above


def chain_of(certificates: tuple[bytes, ...]) -> Chain:
    """Return the chain of DER `certificates`, MOST_READ of them at most.

    Raises:
        NoCertificateError: there is none, or the first can't be read.
    """
    read = [_readable(der) for der in certificates[:MOST_READ]]
    if not read or read[0] is None:
        raise NoCertificateError("no certificate" if not read else "an unreadable certificate")
    rest = tuple(certificate for certificate in read[1:] if certificate)
    return Chain(read[0], rest, len(certificates))


def read_chain(twin: Connection, server_name: str, limit: Deadline) -> Chain:
    """Return the chain that the server sends over `twin`, which it opens and closes.

    Nothing is verified, no signature is checked, no address in a certificate is called, and
    nothing but a handshake is sent. The chain is read also where the handshake breaks off after
    it, as without a client certificate.

    Raises:
        NoCertificateError: the server sent none before the handshake ended, or an unreadable one.
        AddressRefusedError: the policy does not allow the address.
        OSError: the connection or the handshake failed before.
    """
    flight = hear_flight(twin, server_name, limit)
    if not flight.certificates and flight.error:
        raise flight.error
    return chain_of(flight.certificates)


def facts_of_each(certificates: Sequence[bytes]) -> dict[str, Fact]:
    """Return what the first MOST_READ certificates say, each name with its place before it."""
    found: dict[str, Fact] = {"certificates": len(certificates)}
    for n, der in enumerate(certificates[:MOST_READ]):
        certificate = _readable(der)
        # A pin compares bytes, and needs nothing else.
        facts = certificate.facts if certificate else {"sha256": fingerprint(der)}
        found |= {f"{n}.{name}": fact for name, fact in facts.items()}
    return found


def _readable(der: bytes) -> Certificate | None:
    try:
        return read_certificate(der)
    except ValueError:
        return None
