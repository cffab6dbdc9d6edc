"""Look again at a handshake that failed: as other clients would, and never with credentials."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.endpoint import Endpoint
from shared.request import TlsOptions
from shared.platform.not_the_product import CLIENT_CERTIFICATE
from shared.diagnosis.outcomes import Fact, Failed, Finding
from worker.tls.certificate_reader import is_address
from worker.tls.certificate_causes import DEFAULT_VHOST, HOSTNAME_MISMATCH
from worker.tls.chain import Chain, NoCertificateError, chain_of, read_chain
from worker.tcp.connection import Connection
from worker.deadline import Deadline
from worker.tls.handshake_messages import Flight, hear_flight
from worker.tcp.protocols import protocol_of, readable
from worker.tls.handshake_causes import (
    CAUSE_BY_ALERT,
    CHAIN_TOO_LARGE,
    CLOSED,
    HANDSHAKE_FAILED,
    LEGACY_RENEGOTIATION,
    NAME_FILTERED,
    NATIONAL_ONLY,
    NO_SHARED_CIPHER,
    NOT_TLS,
    PLAIN_HTTP,
    REFUSED,
    RESET,
    TOO_SLOW,
    UNKNOWN_NAME,
    VERSION_UNSUPPORTED,
    WEAK_DH,
)
from worker.tls.chain_judgement import judged_now
from worker.tls.tlcp import speaks_tlcp
from worker.tls.trust import unverified

LOOK_S = 1.0
TLCP_S = 0.5
_CLEAR = (LEGACY_RENEGOTIATION, WEAK_DH, CHAIN_TOO_LARGE)
_OTHER_HELLOS = (RESET, CLOSED, REFUSED, UNKNOWN_NAME, VERSION_UNSUPPORTED)
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert or a handshake, RFC 8446 5.1
_TOO_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_OURS = frozenset(cipher["name"] for cipher in unverified().get_ciphers())


@dataclass(frozen=True, slots=True)
class HandshakeLook:
    """Looks over twins of a connection at what its handshake failed with."""

    connection: Connection
    endpoint: Endpoint
    tls: TlsOptions

    def at_certificates(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return all that is wrong with the chain; OpenSSL's verdict stays where we see nothing."""
        code = plain.finding.facts["verify_code"]
        chain = read_chain(self.connection.twin(), self._name, deadline.at_most(LOOK_S))
        judgement = judged_now(
            self._name,
            code if isinstance(code, int) else 0,
            has_own_authorities=bool(self.tls.ca_certificate),
        )
        found = list(judgement.faults(chain))
        if HOSTNAME_MISMATCH in [finding.cause for finding in found]:
            found += self._default_certificate(chain, deadline)
        if not _explains(plain, found):
            found.insert(0, plain.finding)
        first, *others = found
        facts = {**plain.finding.facts, **chain.facts, **first.facts}
        return Failed(first.cause, *others, **facts)

    def at_new_certificate(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return whose the certificate is that is not the pinned one."""
        chain = read_chain(self.connection.twin(), self._name, deadline.at_most(LOOK_S))
        if chain.leaf.fingerprint_sha256 != plain.finding.facts["sha256"]:
            return None  # there are several, e.g. behind a load balancer
        return Failed(plain.cause, **{**chain.facts, **plain.finding.facts})

    def at_handshake(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return why the handshake failed, by what other hellos are answered with."""
        if plain.cause in _CLEAR:
            return None
        if plain.cause is NOT_TLS:
            return self._first_bytes(deadline)
        if plain.cause is TOO_SLOW:
            return self._without_name(plain, deadline) or self._first_bytes(deadline)
        flight = self._flight(self._name, deadline)
        found = _told_by(flight, plain)
        if found or plain.cause not in _OTHER_HELLOS or not flight.error:
            return found
        found = self._without_name(plain, deadline)
        if found:
            return found
        with self.connection.twin() as twin:
            if speaks_tlcp(twin, deadline.at_most(TLCP_S)):
                return Failed(NATIONAL_ONLY, **plain.finding.facts)
        # It is refused whatever is offered, and no client certificate was asked for before.
        is_refused = plain.cause is REFUSED and bool(flight.alerts)
        return Failed(NO_SHARED_CIPHER, **plain.finding.facts) if is_refused else None

    @property
    def _name(self) -> str:
        return self.endpoint.server_name

    def _flight(self, name: str, deadline: Deadline) -> Flight:
        return hear_flight(self.connection.twin(), name, deadline.at_most(LOOK_S))

    def _default_certificate(self, chain: Chain, deadline: Deadline) -> Iterator[Finding]:
        """Give that the server has several certificates and shows a wrong one, if it is so."""
        default = _chain_in(self._flight("", deadline))
        if default and default.leaf.fingerprint_sha256 != chain.leaf.fingerprint_sha256:
            names: dict[str, Fact] = {
                "subject": chain.leaf.subject,
                "default_subject": default.leaf.subject,
            }
            yield Finding(DEFAULT_VHOST, names)

    def _without_name(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return that the name is at fault, if without it (RFC 6066 3) a certificate is shown."""
        if is_address(self._name):
            return None  # no name was sent in the first place
        default = _chain_in(self._flight("", deadline))
        if default is None:
            return None
        if plain.cause in (UNKNOWN_NAME, REFUSED):
            shown = default.leaf.names[:3] or (default.leaf.subject,)
            return Failed(UNKNOWN_NAME, **{**plain.finding.facts, "valid_for": shown})
        return Failed(NAME_FILTERED, **{**plain.finding.facts, **default.facts})

    def _first_bytes(self, deadline: Deadline) -> Failed | None:
        """Return what the port speaks, by its first bytes after a request in plain HTTP."""
        limit = deadline.at_most(LOOK_S)
        with self.connection.twin() as twin:
            twin.open(limit)
            host = self.endpoint.bracketed_host
            twin.send(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode(), limit)
            first_bytes = twin.receive(limit)
        if not first_bytes or first_bytes.startswith(_TLS_RECORDS):
            return None
        if first_bytes.startswith(b"HTTP/"):
            return Failed(PLAIN_HTTP)
        protocol = protocol_of(first_bytes)
        known = {"protocol": protocol} if protocol else {}
        return Failed(NOT_TLS, **known, first_bytes=readable(first_bytes))


def _explains(plain: Failed, found: list[Finding]) -> bool:
    """Return whether what OpenSSL found is among what we did, in our finer words."""
    causes = {finding.cause.code for finding in found}
    finer = {
        "tls.private_ca": {"tls.private_ca", "tls.incomplete_chain", "tls.self_signed"},
        "tls.chain_expired": {"tls.chain_expired", "tls.expired"},
        "tls.hostname_mismatch": {"tls.hostname_mismatch", "tls.cn_only"},
    }
    return bool(causes & finer.get(plain.cause.code, {plain.cause.code}))


def _told_by(flight: Flight, plain: Failed) -> Failed | None:
    """Return what a handshake that accepts everything tells of one that failed."""
    facts = plain.finding.facts
    if flight.asks_client_certificate and flight.error:
        names = flight.client_authorities
        authorities: dict[str, Fact] = {"authorities": names} if names else {}
        return Failed(CLIENT_CERTIFICATE, **facts, **authorities)
    if flight.protocol in _TOO_OLD:
        return Failed(VERSION_UNSUPPORTED, **facts, best=flight.protocol)
    if flight.cipher and flight.cipher not in _OURS:
        protocol = flight.protocol
        return Failed(NO_SHARED_CIPHER, **facts, cipher=flight.cipher, protocol=protocol)
    if plain.cause is HANDSHAKE_FAILED and flight.alerts:
        number = flight.alerts[-1]
        return Failed(CAUSE_BY_ALERT.get(number, HANDSHAKE_FAILED), **facts, alert_number=number)
    return None


def _chain_in(flight: Flight) -> Chain | None:
    try:
        return chain_of(flight.certificates)
    except NoCertificateError:
        return None
