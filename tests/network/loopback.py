"""What the tests of the worker share: names, deadlines and a way to loopback."""

from collections.abc import Callable
from ipaddress import ip_network

import pytest

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.facts import checked
from shared.diagnosis.outcomes import Facts, Failed
from shared.endpoint import Endpoint
from shared.steps import Scheme
from worker.deadline import Deadline
from worker.investigations.investigator import Unexplained
from worker.tcp.address_guard import AddressGuard
from worker.tcp.connection import Connection, TargetAddress

NAME = "cloud.example.com"
LOOPBACK_ALLOWED = AddressGuard([ip_network("127.0.0.0/8"), ip_network("::1/128")])
KNOWN: Facts = {"host": NAME, "port": 8443, "product": "ZStack Cloud", "usual_port": 8080}
"""The facts of a job, which every sentence is filled with."""


def soon() -> Deadline:
    """Return a deadline that only a hanging test reaches."""
    return Deadline.after(10)


def loopback(port: int) -> TargetAddress:
    """Return the address of a server of ours."""
    return TargetAddress.parse("127.0.0.1", port)


def connected(port: int, ip: str = "127.0.0.1") -> Connection:
    """Return an open connection to a server of ours."""
    connection = Connection(TargetAddress.parse(ip, port), LOOPBACK_ALLOWED)
    connection.open(soon())
    return connection


def endpoint(host: str = NAME, port: int = 8443, scheme: Scheme = "https") -> Endpoint:
    """Return a complete endpoint."""
    return Endpoint(host, port, scheme)


def failure_to(action: Callable[[], object]) -> Failed:
    """Return how `action` fails, and see that its sentences can be said."""
    with pytest.raises(Failed) as raised:
        action()
    said(raised.value)
    return raised.value


def looked_into(action: Callable[[], object]) -> Failed:
    """Return how `action` fails after the look that comes with the failure."""
    failed = failure_to(action)
    assert isinstance(failed, Unexplained)
    explained = failed.look(Deadline.after(3)) or failed
    said(explained)
    return explained


def said(failed: Failed) -> str:
    """Return the summary and the remedies, as the recorder fills them in if all may be advised."""
    finding = failed.finding
    for one in failed.findings:
        if one.cause.code in catalogue():  # tests have causes of their own
            assert checked(one.facts).keys() == one.facts.keys()
    usable = {f"usable_{name}": fact for name, fact in finding.facts.items()}
    return " ".join([finding.summary(KNOWN), *finding.remedies({**KNOWN, **usable})])
