"""Check what a site's tests need from its network: names, and hosts that always answer."""

import socket
from collections.abc import Iterator

from cli.doctor.check import Check
from shared.settings import Settings
from worker.deadline import Deadline
from worker.site import canaries_of
from worker.tcp.connection import answers

CANARY_S = 2.0


def name_check(name: str) -> Check:
    """Return whether this machine finds the addresses of `name`."""
    advice = "Correct the name servers of this machine; every test of a name needs them."
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError) as error:
        return Check("name", "failed", f"{name} is not found ({type(error).__name__})", advice)
    return Check("name", "passed", f"{name} is {', '.join(sorted(found)[:4])}")


def canary_checks(settings: Settings) -> Iterator[Check]:
    """Yield whether each canary answers; nothing else is connected to."""
    canaries = canaries_of(settings)
    if not canaries:
        found = "CONNCHECK_CANARIES is not set; nothing was connected to"
        yield Check("canaries", "to come", found)
    for canary in canaries:
        if answers(canary, Deadline.after(CANARY_S)):
            yield Check("canary", "passed", f"{canary} answers")
            continue
        advice = "Open the way to it, or correct CONNCHECK_CANARIES."
        yield Check("canary", "failed", f"{canary} does not answer", advice)
