from dataclasses import replace

import pytest

from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest
from shared.policy.target_policy import NAME_BLOCKED, PORT_BLOCKED
from tests.network.loopback import KNOWN, connected, endpoint, failure_to, soon
from tests.network.servers import answering_and_holding, hold, reply, serving
from tests.worker.steps.flows import ITS_OWN, asking_twice, finding_a_fault
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, Exchange
from worker.steps.authorize import PERMISSIONS_NOT_CHECKED, authorize
from worker.tcp.causes import TCP_REFUSED
from worker.tcp.connection import Connection
from worker.visits import TARGET_RATE


def test_the_products_flow_decides_what_is_found() -> None:
    """A product may have to ask for each right by itself."""
    script = answering_and_holding(reply(b"a"), reply(b"b"))
    with serving(script) as server, connected(server.port) as connection:
        passed = authorize(Exchange(connection, endpoint()), asking_twice(), soon())

        assert len(server.requests) == 2
    assert passed.value == "ab"
    assert passed.facts == {"seen": 2}


def test_the_products_own_cause_is_the_steps() -> None:
    """Nobody but the product knows what its answers mean."""
    with (
        serving(answering_and_holding(reply(b"no"))) as server,
        connected(server.port) as connection,
    ):
        exchange = Exchange(connection, endpoint())
        failed = failure_to(lambda: authorize(exchange, finding_a_fault(), soon()))

    assert failed.cause is ITS_OWN


def test_a_platform_that_falls_silent_ends_the_step_at_the_deadline() -> None:
    """However long a product's conversation is, the step has one time limit."""
    with serving(hold) as server, connected(server.port) as connection:
        exchange, limit = Exchange(connection, endpoint()), Deadline.after(0.2)

        assert (
            failure_to(lambda: authorize(exchange, asking_twice(), limit)).cause is HEADER_TIMEOUT
        )


def refused_elsewhere(failed: Failed) -> Passed[str | None]:
    """Return what becomes of a flow that leads to another host, which can't be connected to."""

    def connect(_: Endpoint, __: Deadline) -> Connection:
        raise failed

    def flow() -> Flow[Passed[str]]:
        elsewhere = Endpoint("ec2.example.com", 443, "https")
        answer = yield replace(HttpRequest("GET", "/"), at=elsewhere)
        return Passed(answer.text)

    with serving(hold) as server, connected(server.port) as connection:
        return authorize(Exchange(connection, endpoint(), connect), flow(), soon())


@pytest.mark.parametrize(
    "failed", [Failed(NAME_BLOCKED), Failed(PORT_BLOCKED), Failed(TARGET_RATE, most=120)]
)
def test_a_host_that_we_do_not_allow_leaves_the_permissions_unchecked(failed: Failed) -> None:
    """The platform accepted the key pair, and a limit of ours is no fault of it."""
    passed = refused_elsewhere(failed)

    first, why = passed.warnings
    assert first.cause is PERMISSIONS_NOT_CHECKED
    assert "ec2.example.com port 443" in first.summary(KNOWN)
    assert why.cause is failed.cause


def test_a_host_that_does_not_answer_fails_the_step() -> None:
    """Only what we forbid ourselves is no fault."""
    assert (
        failure_to(lambda: refused_elsewhere(Failed(TCP_REFUSED, where="x"))).cause is TCP_REFUSED
    )
