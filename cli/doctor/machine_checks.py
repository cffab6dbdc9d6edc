"""Check what tests need from the machine on which they run."""

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

ANSWER_S = 2.0
DESCRIPTORS_PER_TEST = 3  # the connection, an investigation, and the resolver's
DESCRIPTORS_BESIDE = 100
# From the networks for documentation: no host has them, and nothing is sent to them.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def machine_checks(settings: Settings, resolv_conf: Path) -> Iterator[Check]:
    """Yield the checks of the machine."""
    yield from _resolvers(resolv_conf)
    yield _egress()
    yield _descriptors(settings)


def _resolvers(resolv_conf: Path) -> Iterator[Check]:
    advice = f"Correct {resolv_conf}, or open port 53 to the server; IP addresses work without it."
    try:
        servers = dns.resolver.Resolver(str(resolv_conf)).nameservers
    except dns.exception.DNSException:
        servers = []
    if not servers:
        yield Check("resolver", "failed", f"{resolv_conf} names no name server", advice)
    for server in servers:
        yield resolver_check(str(server), advice)


def resolver_check(server: str, advice: str) -> Check:
    """Ask a name server for the root servers, which every name server knows."""
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
    """Look up the source address of connections; no packet is sent."""
    found = [address for family, far in _ELSEWHERE if (address := _source(family, far))]
    if not found:
        advice = "Add a default route; platforms in the same network can be tested without it."
        return Check("egress address", "warning", "there is no route to other networks", advice)
    return Check("egress address", "passed", f"{', '.join(found)}, unless NAT changes it")


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
        advice = f"Raise the limit to {needed} (LimitNOFILE), or lower CONNCHECK_WORKER_SLOTS."
        return Check("file descriptors", "warning", found, advice)
    return Check("file descriptors", "passed", f"{found}; {needed} may be needed")
