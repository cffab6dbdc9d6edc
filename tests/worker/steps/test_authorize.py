from tests.network.loopback import connected, endpoint, failure_to, soon
from tests.network.servers import answering_and_holding, hold, reply, serving
from tests.worker.steps.flows import ITS_OWN, asking_twice, finding_a_fault
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, Exchange
from worker.steps.authorize import authorize


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
