"""Read the whole chain of certificates that a server sends, without judging it."""

import re
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.diagnosis.outcomes import Fact
from worker.deadline import Deadline
from worker.tcp.connection import Connection, fingerprint
from worker.tls.certificate import Certificate
from worker.tls.handshake_messages import hear_flight

MOST_CHARACTERS = 2800
MOST_READ = 10  # real chains are shorter; OpenSSL accepts 100 KiB of certificates
_MOST_GIVEN = 200
_NEVER = datetime.min.replace(tzinfo=UTC)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")


class NoCertificateError(Exception):
    """Raised if a server did not send its own certificate, or sent one that cannot be parsed."""


# Where a certificate is kept. Sentences, so that they can be translated.
OWN = "which is the server's own"
SENT = "which the server sends"
GIVEN = "which options.tls.caCertificate contains"
SENT_AND_GIVEN = "which the server sends and options.tls.caCertificate contains"
PLACES = (OWN, SENT, GIVEN, SENT_AND_GIVEN)


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates that a server sent, in its order; nothing in them is verified."""

    leaf: Certificate
    """The server's own certificate."""
    rest: tuple[Certificate, ...]
    """The other certificates, as far as they were read."""
    sent: int
    """How many certificates were sent, read or not."""
    given: tuple[Certificate, ...] = ()
    """The authorities that the caller trusts in addition to the public ones."""

    @property
    def path(self) -> tuple[Certificate, ...]:
        """The leaf and its issuers, each named by the one before, as far as they were sent."""
        return self.leaf, *_issuers(self.leaf, self.rest)

    @property
    def whole_path(self) -> tuple[Certificate, ...]:
        """The leaf and its issuers, as far as they were sent or given by the caller."""
        return self.leaf, *_issuers(self.leaf, self.issuers)

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """All certificates but the leaf, sent or given, each of them once."""
        return tuple({one.der: one for one in (*self.rest, *self.given)}.values())

    @property
    def facts(self) -> dict[str, Fact]:
        """The leaf as evidence, and the subjects of all certificates that were read."""
        subjects = tuple(certificate.subject for certificate in (self.leaf, *self.rest))
        return {**self.leaf.facts, "chain": subjects, "sent_certificates": self.sent}

    def kept_in(self, certificate: Certificate) -> str:
        """Return where a certificate of this chain is kept, one of PLACES."""
        if certificate is self.leaf:
            return OWN
        is_given = certificate in self.given
        if certificate in self.rest:
            return SENT_AND_GIVEN if is_given else SENT
        return GIVEN

    def place_facts(self, certificate: Certificate, name: str) -> dict[str, Fact]:
        """Return where a certificate is kept; its subject as `name` if the caller has given it."""
        is_given = certificate in self.given
        given: dict[str, Fact] = {name: certificate.subject} if is_given else {}
        return {"kept_in": self.kept_in(certificate), **given}


def _issuers(leaf: Certificate, among: Sequence[Certificate]) -> Iterator[Certificate]:
    left, at = list(among), leaf
    while not at.is_self_issued:
        fitting = [one for one in left if at.may_be_issued_by(one)]
        if not fitting:
            return
        # As OpenSSL does, one that has not expired is preferred.
        above = max(fitting, key=lambda one: one.not_after or _NEVER)
        left.remove(above)
        yield above
        at = above


def chain_of(certificates: Sequence[bytes], given: str = "") -> Chain:
    """Return the chain of DER `certificates`, MOST_READ of them at most.

    `given` are the authorities of the caller, in PEM.

    Raises:
        NoCertificateError: there is none, or the first cannot be parsed.
    """
    read = [_readable(der) for der in certificates[:MOST_READ]]
    if not read or read[0] is None:
        raise NoCertificateError("no certificate" if not read else "an unreadable certificate")
    rest = tuple(certificate for certificate in read[1:] if certificate)
    return Chain(read[0], rest, len(certificates), _given(given))


def unreadable(certificates: Sequence[bytes]) -> int | None:
    """Return the position of the first certificate that cannot be read, from 1, if there is one."""
    read = map(_readable, certificates[:MOST_READ])
    return next((number for number, one in enumerate(read, 1) if one is None), None)


def _given(pem: str) -> tuple[Certificate, ...]:
    ders = (a2b_base64(body) for body in _PEM.findall(pem)[:_MOST_GIVEN])
    return tuple(filter(None, map(_readable, ders)))


def read_chain(twin: Connection, server_name: str, limit: Deadline, given: str = "") -> Chain:
    """Return the chain that the server sends over `twin`, which it opens and closes.

    Nothing is verified, no signature is checked, no URL in a certificate is fetched, and nothing
    but a handshake is sent. The chain is also read if the handshake fails after it, for example
    because a client certificate is missing.

    Raises:
        NoCertificateError: the server sent none before the handshake ended, or one that cannot be
            parsed.
        AddressRefusedError: the policy does not allow the address.
        OSError: the connection or the handshake failed before that.
    """
    flight = hear_flight(twin, server_name, limit)
    if not flight.certificates and flight.error:
        raise flight.error
    return chain_of(flight.certificates, given)


def facts_of_each(certificates: Sequence[bytes]) -> dict[str, Fact]:
    """Return the facts of the first MOST_READ certificates; each name begins with a position.

    They are kept for a day. Where they have more than MOST_CHARACTERS, which a usual chain has not,
    only the SHA-256 of the further certificates is among them.
    """
    found: dict[str, Fact] = {"certificates": len(certificates)}
    left = MOST_CHARACTERS
    for n, der in enumerate(certificates[:MOST_READ]):
        certificate = _readable(der)
        facts = certificate.facts if certificate else {}
        left -= sum(len(name) + len(str(fact)) for name, fact in facts.items())
        # A pin compares bytes, so the certificate need not be parsed.
        kept = facts if facts and left >= 0 else {"sha256": fingerprint(der)}
        found |= {f"{n}.{name}": fact for name, fact in kept.items()}
    return found


def _readable(der: bytes) -> Certificate | None:
    # Here, because cryptography takes 40 ms to load, and a test without TLS does not need it.
    from worker.tls.certificate_reader import read_certificate

    try:
        return read_certificate(der)
    except ValueError:
        return None
