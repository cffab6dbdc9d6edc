from functools import partial

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.http import Flow, HttpRequest
from tests.network.loopback import connected, endpoint, failure_to, soon
from tests.network.servers import answering_and_holding, hold, reply, serving
from tests.network.slow_store import round_trip, uncounted_round_trips
from tests.worker.steps.flows import ITS_OWN, asking_twice, finding_a_fault
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, Exchange
from worker.steps.authenticate import authenticate


def no_doubts() -> tuple[Finding, ...]:
    return ()


def unrefused() -> None:
    """Let the key pair be presented."""


def test_the_products_flow_decides_what_is_found() -> None:
    """A product may have to ask for the time before it signs."""
    script = answering_and_holding(reply(b"a"), reply(b"b"))
    with serving(script) as server, connected(server.port) as connection:
        passed = authenticate(
            Exchange(connection, endpoint()), asking_twice(), no_doubts, unrefused, soon()
        )

        assert len(server.requests) == 2
    assert passed.value == "ab"
    assert passed.facts == {"seen": 2}


def test_asking_whether_the_pair_may_be_presented_takes_nothing_of_the_platforms_time() -> None:
    """The store may be far away."""
    deadline = soon()
    script = answering_and_holding(reply(b"a"), reply(b"b"))
    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with uncounted_round_trips(deadline, 1):
            authenticate(exchange, asking_twice(), no_doubts, round_trip, deadline)


def test_the_products_own_cause_is_the_steps() -> None:
    """Nobody but the product knows what its answers mean."""
    with (
        serving(answering_and_holding(reply(b"no"))) as server,
        connected(server.port) as connection,
    ):
        exchange = Exchange(connection, endpoint())
        failed = failure_to(
            lambda: authenticate(exchange, finding_a_fault(), no_doubts, unrefused, soon())
        )

    assert failed.cause is ITS_OWN


def test_a_platform_that_falls_silent_ends_the_step_at_the_deadline() -> None:
    """However long a product's conversation is, the step has one time limit."""
    with serving(hold) as server, connected(server.port) as connection:
        exchange, limit = Exchange(connection, endpoint()), Deadline.after(0.2)

        assert (
            failure_to(
                lambda: authenticate(exchange, asking_twice(), no_doubts, unrefused, limit)
            ).cause
            is HEADER_TIMEOUT
        )


def test_a_key_pair_that_must_not_be_presented_is_not() -> None:
    """One more rejection could be the one that locks the account."""
    with serving(hold) as server, connected(server.port) as connection:
        exchange, refusal = Exchange(connection, endpoint()), Failed(ITS_OWN, word="stop")

        failed = failure_to(
            lambda: authenticate(exchange, asking_twice(), no_doubts, lambda: refusal, soon())
        )
        assert failed is refusal
        assert server.requests == []


def test_doubts_about_the_pair_stand_beside_its_rejection_alone() -> None:
    """A blank at the end of a secret says nothing about a platform that is silent."""
    doubt = Finding(Cause("test.blank", "caller", "{host}", (), severity="warning"))
    rejected = Cause("test.rejected", "caller", "{host}", (), is_rejection=True)

    def rejecting(cause: Cause) -> Flow[Passed[None]]:
        yield HttpRequest("GET", "/")
        raise Failed(cause, word="no")

    found = {}
    for cause in (rejected, ITS_OWN):
        script = answering_and_holding(reply(b""))
        with serving(script) as server, connected(server.port) as connection:
            exchange, flow = Exchange(connection, endpoint()), rejecting(cause)
            failed = failure_to(
                partial(authenticate, exchange, flow, lambda: [doubt], unrefused, soon())
            )
            found[cause] = failed.contributing

    assert found == {rejected: (doubt,), ITS_OWN: ()}
