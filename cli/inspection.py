"""Look at the certificates of a host, without credentials, and judge them as a test would."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from api.problems import invalid_fields
from cli.arguments import read_secret
from cli.terminal.exit_status import COULD_NOT_TEST, FAILED, PASSED, refuse
from shared.endpoint import Endpoint, parse_endpoint
from shared.diagnosis.entries import FoundCause
from shared.request import TlsOptions
from shared.diagnosis.outcomes import Facts, Failed
from shared.settings import Network, Settings
from worker.tls.certificate_reader import Certificate
from worker.tls.chain import NoCertificateError, read_chain
from worker.tcp.connection import AddressRefusedError, Connection
from worker.deadline import Deadline
from worker.site import Site
from worker.steps.dns_lookup import dns_lookup
from worker.steps.tcp_connect import tcp_connect
from worker.steps.tls_handshake import tls_handshake

HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was seen of a host."""

    endpoint: Endpoint
    address: str = ""
    protocol: str = ""
    chain: Sequence[Certificate] = ()
    """As the host sends it: its own certificate first."""
    findings: Sequence[FoundCause] = ()
    """Why it is not trusted, or could not be seen; none where all is well."""

    @property
    def is_trusted(self) -> bool:
        """Whether a test would go on to sign in."""
        return not self.findings

    @property
    def exit_status(self) -> int:
        """What the command ends with."""
        if self.is_trusted:
            return PASSED
        return COULD_NOT_TEST if self.findings[0].owner == "us" else FAILED


def inspected(
    host: str, ca_file: Path | None, timeout_s: float, networks: list[Network], settings: Settings
) -> Inspected:
    """Return what `host` shows; end the command where it is no host."""
    endpoint = _endpoint(host)
    allowed = (*settings.allowed_networks, *networks)
    site = Site.of(settings.model_copy(update={"allowed_networks": allowed}))
    tls, deadline = _tls_options(ca_file), Deadline.after(timeout_s)
    try:
        site.check(endpoint)
        addresses = dns_lookup(endpoint, deadline).value
        connected = tcp_connect(endpoint, addresses, site.guard, deadline)
    except Failed as failed:
        explained = site.investigate("tcp_connect", failed, deadline.cancellation)
        return Inspected(endpoint, findings=_told(endpoint, explained))
    with connected.value as connection:
        address = str(connection.target.ip)
        try:
            passed = tls_handshake(connection, endpoint, tls, site.trust, deadline)
            findings: Sequence[FoundCause] = ()
            protocol = str(passed.facts["protocol"])
        except Failed as failed:
            explained = site.investigate("tls_handshake", failed, deadline.cancellation)
            findings, protocol = _told(endpoint, explained, address=address), ""
        chain = _shown_chain(connection, endpoint, deadline)
    return Inspected(endpoint, address, protocol, chain, findings)


def _endpoint(host: str) -> Endpoint:
    try:
        endpoint = parse_endpoint(host)
    except Failed as failed:
        problem = failed.finding.summary({})
    else:
        if endpoint.scheme != "http":
            return endpoint.completed("https", HTTPS_PORT)
        problem = "http:// has no certificates; give HOST:PORT of what speaks TLS"
    return refuse(f"HOST: {problem}")


def _tls_options(ca_file: Path | None) -> TlsOptions:
    if ca_file is None:
        return TlsOptions()
    try:
        return TlsOptions(ca_certificate=read_secret(ca_file, "--ca-file"))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        reason = invalid_fields([dict(one) for one in errors])[0].reason
    return refuse(f"--ca-file: {reason}")


def _told(endpoint: Endpoint, failed: Failed, **facts: str) -> Sequence[FoundCause]:
    known: Facts = {
        "host": endpoint.server_name,
        "port": endpoint.port or 0,
        "product": "the server",
        "usual_port": HTTPS_PORT,
        **facts,
    }
    return [FoundCause.of(finding, known) for finding in failed.findings]


def _shown_chain(
    connection: Connection, endpoint: Endpoint, deadline: Deadline
) -> Sequence[Certificate]:
    """Return the certificates over a fresh connection, judged by nobody; none if it fails."""
    try:
        chain = read_chain(connection.twin(), endpoint.server_name, deadline)
    except (OSError, AddressRefusedError, NoCertificateError):
        return ()
    return [chain.leaf, *chain.rest]
