"""Check what tests need of the machine they are made on."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.resolver

from cli.doctor.check import Check
from shared.settings import Settings

RESOLV_CONF = Path("/etc/resolv.conf")
ANSWER_S = 2.0
DESCRIPTORS_PER_TEST = 3  # the connection, a second look, and the resolver's
DESCRIPTORS_BESIDE = 100
# Of the networks for documentation: nobody has these, and nothing is sent to them.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def machine_checks(settings: Settings, resolv_conf: Path) -> Iterator[Check]:
    """Give what was found of the machine."""
    yield from _resolvers(resolv_conf)
    yield _egress()
    yield _descriptors(settings)


def _resolvers(resolv_conf: Path) -> Iterator[Check]:
    advice = f"Correct {resolv_conf}, or open port 53 towards it; addresses work without."
    try:
        servers = dns.resolver.Resolver(str(resolv_conf)).nameservers
    except dns.exception.DNSException:
        servers = []
    if not servers:
        yield Check("resolver", "failed", f"{resolv_conf} names no name server", advice)
    for server in servers:
        yield resolver_check(str(server), advice)


def resolver_check(server: str, advice: str) -> Check:
    """Ask a name server for the root's servers, which every one knows."""
    address, _, port = server.partition("#")
    began_s = time.perf_counter()
    try:
        dns.query.udp(dns.message.make_query(".", "NS"), address, ANSWER_S, int(port or 53))
    except (OSError, dns.exception.DNSException) as error:
        found = f"{server} does not answer ({type(error).__name__})"
        return Check("resolver", "failed", found, advice)
    took_ms = (time.perf_counter() - began_s) * 1000
    return Check("resolver", "passed", f"{server} answers in {took_ms:.1f} ms")


def _egress() -> Check:
    """Look up the address that connections leave from; no packet is sent for it."""
    found = [address for family, far in _ELSEWHERE if (address := _source(family, far))]
    if not found:
        advice = "Give this machine a default route; platforms beside it can be tested without."
        return Check("egress address", "warning", "there is no route to other networks", advice)
    return Check("egress address", "passed", f"{', '.join(found)}, unless a NAT is on the way")


def _source(family: socket.AddressFamily, far: str) -> str | None:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _descriptors(settings: Settings) -> Check:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.worker_slots * DESCRIPTORS_PER_TEST + DESCRIPTORS_BESIDE
    found = "no limit" if most == resource.RLIM_INFINITY else f"{most} at most"
    if most != resource.RLIM_INFINITY and most < needed:
        advice = f"Raise it to {needed} (LimitNOFILE), or lower CONNCHECK_WORKER_SLOTS."
        return Check("file descriptors", "warning", found, advice)
    return Check("file descriptors", "passed", f"{found}; {needed} may be needed")
