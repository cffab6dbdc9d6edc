"""Investigate a failed handshake as other clients would perform it, without credentials."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED
from shared.policy.addresses import is_address
from shared.request.options import TlsOptions
from worker.deadline import Deadline
from worker.investigations.other_requests import PROXY_PROTOCOL, expects_proxy_header
from worker.tcp.causes import MTU_BLACKHOLE, UNACKNOWLEDGED
from worker.tcp.connection import Connection, PinChangedError
from worker.tcp.protocols import is_tls, protocol_of, readable
from worker.tls.certificate_causes import (
    A_VALID_ONE,
    A_WHOLE_CHAIN,
    ANOTHER_ONE,
    CERTIFICATE_INVALID,
    CERTIFICATE_UNREADABLE,
    CHAIN_EXPIRED,
    CN_ONLY,
    CRITICAL_EXTENSION,
    DEFAULT_VHOST_CERT,
    EXPIRED,
    HOSTNAME_MISMATCH,
    INCOMPLETE_CHAIN,
    NAME_CONSTRAINT,
    NODES_DIFFER,
    NOT_TRUSTED,
    PRIVATE_CA,
    SELF_SIGNED,
    SIGNATURE_INVALID,
    THE_PINNED_ONE,
)
from worker.tls.chain import Chain, NoCertificateError, chain_of, read_chain, unreadable
from worker.tls.chain_judgement import judged_now
from worker.tls.handshake_causes import (
    ALERTS,
    CAUSE_BY_ALERT,
    CHAIN_TOO_LARGE,
    EOF_AFTER_HELLO,
    GM_SM_ONLY,
    HANDSHAKE_FAILED,
    HANDSHAKE_REFUSED,
    HANDSHAKE_TIMEOUT,
    LEGACY_RENEGOTIATION,
    NO_SHARED_CIPHER,
    OTHER_PROTOCOL_PORT,
    PLAIN_ANSWER,
    PLAIN_HTTP_PORT,
    RESET_AFTER_HELLO,
    SNI_FILTERED,
    TLS_VERSION_UNSUPPORTED,
    UNRECOGNIZED_NAME,
    WEAK_DH,
)
from worker.tls.handshake_messages import Flight, hear_flight
from worker.tls.tlcp import speaks_tlcp
from worker.tls.trust import unverified

LOOK_S = 1.0
TLCP_S = 0.5
SMALL_S = 0.7
_FURTHER_CONNECTIONS = 2  # of three servers behind an address, one of the others mostly answers
_CLEAR = (LEGACY_RENEGOTIATION, WEAK_DH, CHAIN_TOO_LARGE)
_OTHER_HELLOS = (
    RESET_AFTER_HELLO,
    EOF_AFTER_HELLO,
    HANDSHAKE_REFUSED,
    UNRECOGNIZED_NAME,
    TLS_VERSION_UNSUPPORTED,
)
_TOO_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
# What we find where OpenSSL has one code for several faults.
_FINER = {
    PRIVATE_CA: {
        PRIVATE_CA,
        INCOMPLETE_CHAIN,
        SELF_SIGNED,
        SIGNATURE_INVALID,
        CERTIFICATE_INVALID,
        NOT_TRUSTED,
    },
    CHAIN_EXPIRED: {CHAIN_EXPIRED, EXPIRED},
    HOSTNAME_MISMATCH: {HOSTNAME_MISMATCH, CN_ONLY},
    NOT_TRUSTED: {NOT_TRUSTED, CERTIFICATE_INVALID, CRITICAL_EXTENSION, NAME_CONSTRAINT},
}
_OURS = frozenset(cipher["name"] for cipher in unverified().get_ciphers())


@dataclass(frozen=True, slots=True)
class HandshakeLook:
    """Investigates a failed handshake over twins of its connection."""

    connection: Connection
    endpoint: Endpoint
    tls: TlsOptions

    def at_certificates(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return all faults of the chain; if we find none, OpenSSL's verdict stands.

        All facts are of the chain that was refused, not of one that another connection shows.
        """
        code = plain.finding.facts["verify_code"]
        chain = self._chain(deadline)
        judgement = judged_now(self._name, code if isinstance(code, int) else 0)
        found = list(judgement.faults(chain))
        if not _explains(plain, found):
            found.insert(0, plain.finding)
        first, *others = found
        other = self._elsewhere(chain, deadline)
        if other:
            others.insert(0, other)
        elif HOSTNAME_MISMATCH in [finding.cause for finding in found]:
            others += self._default_certificate(chain, deadline)
        facts = {**plain.finding.facts, **chain.facts, **first.facts}
        return Failed(first.cause, *others, **facts, **_elsewhere_fact(other))

    def at_new_certificate(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return the failure with the issuer and the dates of the new certificate."""
        chain = self._chain(deadline)
        if chain.leaf.fingerprint_sha256 != plain.finding.facts["sha256"]:
            return None  # the server has several, e.g. behind a load balancer
        other = self._elsewhere(chain, deadline)
        others = [other] if other else []
        pin = plain.finding.facts.get("pinned_sha256")
        above = next((one for one in chain.rest if one.fingerprint_sha256 == pin), None)
        pinned: dict[str, Fact] = {"pinned_subject": above.subject} if above else {}
        facts = {**chain.facts, **plain.finding.facts, **pinned}
        return Failed(plain.cause, *others, **facts, **_elsewhere_fact(other))

    def at_handshake(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return why the handshake failed, judged by the answers to other ClientHellos."""
        if plain.cause in _CLEAR:
            return None
        if plain.cause is OTHER_PROTOCOL_PORT:
            return self._first_bytes(plain, deadline)
        if plain.cause is HANDSHAKE_TIMEOUT:
            return self._of_silence(plain, deadline)
        flight = self._flight(self._name, deadline)
        found = _told_by(flight, plain)
        if found or plain.cause not in _OTHER_HELLOS or not flight.error:
            return found
        found = None if flight.protocol else self._without_name(plain, deadline)
        found = found or self._behind_a_header(plain, deadline)
        if found:
            return found
        with self.connection.twin() as twin:
            if speaks_tlcp(twin, deadline.at_most(TLCP_S)):
                return Failed(GM_SM_ONLY, **plain.finding.facts)
        # The server rejects every offer, and has not requested a client certificate before.
        is_refused = plain.cause is HANDSHAKE_REFUSED and bool(flight.alerts)
        return Failed(NO_SHARED_CIPHER, **plain.finding.facts) if is_refused else None

    def _of_silence(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return whose silence it is: that of large packets, of a name, of the path or the port."""
        path, facts = self.connection.path_at_the_end, dict(plain.finding.facts)
        found = self._in_small_segments(plain, deadline) or self._without_name(plain, deadline)
        if found:
            return found
        if path.loses_ours:
            return Failed(UNACKNOWLEDGED, **facts, **path.of_lost_packets)
        if path.acknowledged_bytes:
            plain = Failed(plain.cause, **facts, acknowledged_bytes=path.acknowledged_bytes)
        with suppress(OSError):  # it is silent whatever is sent
            return self._first_bytes(plain, deadline) or plain
        return plain

    def _in_small_segments(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return a failure if handshakes in small packets are completed, and others are not."""
        twin = self.connection.twin().in_small_segments()
        if not hear_flight(twin, self._name, deadline.at_most(SMALL_S)).cipher:
            return None
        facts, address = plain.finding.facts, str(self.connection.target.ip)
        if self._flight(self._name, deadline).cipher:
            return Failed(plain.cause, **facts, completed=2)
        return Failed(MTU_BLACKHOLE, **facts, address=address, segment_bytes=twin.segment_bytes)

    def _behind_a_header(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return a failure if the handshake is completed after the header of a load balancer."""
        if plain.cause not in (RESET_AFTER_HELLO, EOF_AFTER_HELLO):
            return None
        limit = deadline.at_most(LOOK_S)
        is_expected = expects_proxy_header(self.connection, self._name, limit)
        return Failed(PROXY_PROTOCOL, *plain.findings) if is_expected else None

    @property
    def _name(self) -> str:
        return self.endpoint.server_name

    def _chain(self, deadline: Deadline) -> Chain:
        """Return the chain that was refused; of another connection if OpenSSL did not keep it."""
        given = self.tls.ca_certificate or ""
        if self.connection.refused:
            return chain_of(self.connection.refused, given)
        return read_chain(self.connection.twin(), self._name, deadline.at_most(LOOK_S), given)

    def _elsewhere(self, chain: Chain, deadline: Deadline) -> Finding | None:
        """Return a finding if a further connection to the same address receives another chain."""
        if not self.connection.refused:
            return None  # then there is nothing to compare with
        for _ in range(_FURTHER_CONNECTIONS):
            with self.connection.double() as double:
                try:
                    double.reopen(deadline.at_most(LOOK_S))
                    sent, is_accepted = double.certificates(), True
                except (ssl.SSLCertVerificationError, PinChangedError):
                    sent, is_accepted = double.refused, False
                except OSError:
                    return None
            if sent and (is_accepted or sent[0] != chain.leaf.der):
                return _another(chain, sent, is_accepted=is_accepted, is_pinned=self._is_pinned)
        return None

    @property
    def _is_pinned(self) -> bool:
        return self.tls.fingerprint_sha256 is not None

    def _flight(self, name: str, deadline: Deadline) -> Flight:
        return hear_flight(self.connection.twin(), name, deadline.at_most(LOOK_S))

    def _default_certificate(self, chain: Chain, deadline: Deadline) -> Iterator[Finding]:
        """Yield a finding if the server has several certificates and sends a wrong one."""
        default = _chain_in(self._flight("", deadline))
        if default and default.leaf.fingerprint_sha256 != chain.leaf.fingerprint_sha256:
            names: dict[str, Fact] = {
                "subject": chain.leaf.subject,
                "default_subject": default.leaf.subject,
            }
            yield Finding(DEFAULT_VHOST_CERT, names)

    def _without_name(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return a failure if the server sends a certificate only without SNI (RFC 6066 3)."""
        if is_address(self._name):
            return None  # no name was sent in the first place
        default = _chain_in(self._flight("", deadline))
        if default is None:
            return None
        if plain.cause in (UNRECOGNIZED_NAME, HANDSHAKE_REFUSED):
            shown = default.leaf.names[:3] or (default.leaf.subject,)
            return Failed(UNRECOGNIZED_NAME, **{**plain.finding.facts, "valid_for": shown})
        # A reset can hit any connection; what filters names does so each time, before any answer.
        if self._flight(self._name, deadline).protocol or not self._flight("", deadline).protocol:
            return None
        return Failed(SNI_FILTERED, **{**plain.finding.facts, **default.facts})

    def _first_bytes(self, plain: Failed, deadline: Deadline) -> Failed | None:
        """Return the port's protocol, judged by its first bytes after a plain HTTP request.

        A server of HTTPS answers this request of ours with 400, in plain HTTP: where a handshake
        was not rejected, 400 proves nothing.
        """
        limit = deadline.at_most(LOOK_S)
        with self.connection.twin() as twin:
            twin.open(limit)
            host = self.endpoint.bracketed_host
            twin.send(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode(), limit)
            first_bytes = twin.receive(limit)
        if not first_bytes or is_tls(first_bytes):
            return None
        if first_bytes.startswith(b"HTTP/"):
            status = first_bytes.split()[1:2]
            if status != [b"400"]:
                return Failed(PLAIN_HTTP_PORT)
            if plain.cause is HANDSHAKE_TIMEOUT:
                return Failed(plain.cause, **plain.finding.facts, plain_status=400)
            return Failed(PLAIN_ANSWER)
        protocol = protocol_of(first_bytes)
        known = {"protocol": protocol} if protocol else {}
        return Failed(OTHER_PROTOCOL_PORT, **known, first_bytes=readable(first_bytes))


def _explains(plain: Failed, found: list[Finding]) -> bool:
    """Return whether OpenSSL's verdict is among our findings, which are more specific."""
    causes = {finding.cause for finding in found}
    return bool(causes & _FINER.get(plain.cause, {plain.cause}))


def _another(
    chain: Chain, sent: tuple[bytes, ...], *, is_accepted: bool, is_pinned: bool
) -> Finding:
    """Return the finding of another server behind the address, which sent other certificates."""
    other = chain_of(sent).leaf
    if not is_accepted:
        elsewhere = ANOTHER_ONE
    elif is_pinned:
        elsewhere = THE_PINNED_ONE
    else:
        elsewhere = A_WHOLE_CHAIN if other.der == chain.leaf.der else A_VALID_ONE
    facts: dict[str, Fact] = {"elsewhere": elsewhere, "sha256": chain.leaf.fingerprint_sha256}
    if other.der != chain.leaf.der:
        facts |= {"other_subject": other.subject, "other_sha256": other.fingerprint_sha256}
    return Finding(NODES_DIFFER, facts)


def _elsewhere_fact(other: Finding | None) -> dict[str, Fact]:
    """Return what another connection received; its SHA-256 if that is the one to install."""
    if other is None:
        return {}
    elsewhere = other.facts["elsewhere"]
    good = {"good_sha256": other.facts["other_sha256"]} if elsewhere == A_VALID_ONE else {}
    return {"elsewhere": elsewhere, **good}


def _told_by(flight: Flight, plain: Failed) -> Failed | None:
    """Return what a handshake that accepts everything says about one that failed."""
    facts = plain.finding.facts
    if plain.cause in (RESET_AFTER_HELLO, EOF_AFTER_HELLO) and flight.cipher in _OURS:
        return Failed(plain.cause, **facts, completed=1)
    position = unreadable(flight.certificates)
    if position and flight.error:
        sent = len(flight.certificates)
        return Failed(CERTIFICATE_UNREADABLE, **facts, position=position, sent_certificates=sent)
    if flight.asks_client_certificate and flight.error:
        names = flight.client_authorities
        authorities: dict[str, Fact] = {"authorities": names} if names else {}
        return Failed(CLIENT_CERT_REQUIRED, **facts, **authorities)
    if flight.protocol in _TOO_OLD:
        return Failed(TLS_VERSION_UNSUPPORTED, **facts, best=flight.protocol)
    if flight.cipher and flight.cipher not in _OURS:
        protocol = flight.protocol
        return Failed(NO_SHARED_CIPHER, **facts, cipher=flight.cipher, protocol=protocol)
    if plain.cause is HANDSHAKE_FAILED and flight.alerts:
        number = flight.alerts[-1]
        says: dict[str, Fact] = {"alert_says": ALERTS[number]} if number in ALERTS else {}
        cause = CAUSE_BY_ALERT.get(number, HANDSHAKE_FAILED)
        return Failed(cause, **{**facts, **says, "alert_number": number})
    return None


def _chain_in(flight: Flight) -> Chain | None:
    try:
        return chain_of(flight.certificates)
    except NoCertificateError:
        return None
