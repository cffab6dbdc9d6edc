from shared.causes import Cause
from shared.http import Flow, HttpRequest
from shared.outcomes import Failed, Passed
from tests.worker.loopback import connected, endpoint, failure_to, soon
from tests.worker.servers import Peer, answering_and_holding, hold, reply, serving
from worker.deadline import Deadline
from worker.exchange import EMPTY_REPLY, NO_RESPONSE, Exchange
from worker.steps.authorize import authorize

ITS_OWN = Cause("test.its_own", "platform", "{host} said {word}", ())


def asking_twice() -> Flow[Passed[str]]:
    first = yield HttpRequest("GET", "/first")
    second = yield HttpRequest("GET", "/second")
    return Passed(first.text + second.text, seen=2)


def finding_a_fault() -> Flow[Passed[None]]:
    response = yield HttpRequest("GET", "/")
    raise Failed(ITS_OWN, word=response.text)


def test_the_products_flow_decides_what_is_found() -> None:
    """A product may have to ask for each right by itself."""
    script = answering_and_holding(reply(b"a"), reply(b"b"))
    with serving(script) as server, connected(server.port) as connection:
        passed = authorize(Exchange(connection, endpoint()), asking_twice(), None, soon())

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
        failed = failure_to(lambda: authorize(exchange, finding_a_fault(), None, soon()))

    assert failed.cause is ITS_OWN


def test_a_platform_that_falls_silent_ends_the_step_at_the_deadline() -> None:
    """However long a product's conversation is, the step has one time limit."""
    with serving(hold) as server, connected(server.port) as connection:
        exchange, limit = Exchange(connection, endpoint()), Deadline.after(0.2)

        assert (
            failure_to(lambda: authorize(exchange, asking_twice(), None, limit)).cause
            is NO_RESPONSE
        )


GOODBYE = HttpRequest("DELETE", "/session")


def test_the_session_is_ended_when_all_went_well() -> None:
    """Platforms have few sessions; one that is left open is missing to somebody else."""
    script = answering_and_holding(reply(b"a"), reply(b"b"), reply(b""))
    with serving(script) as server, connected(server.port) as connection:
        passed = authorize(Exchange(connection, endpoint()), asking_twice(), GOODBYE, soon())

        assert passed.value == "ab"
        assert server.requests[-1].startswith(b"DELETE /session ")


def test_the_session_is_ended_when_the_product_finds_a_fault() -> None:
    """A key that may do nothing leaves nothing behind either."""
    script = answering_and_holding(reply(b"no"), reply(b""))
    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        failed = failure_to(lambda: authorize(exchange, finding_a_fault(), GOODBYE, soon()))

        assert server.requests[-1].startswith(b"DELETE /session ")
    assert failed.cause is ITS_OWN


def test_the_session_is_ended_when_the_conversation_breaks_off() -> None:
    """The flow is not told of a lost connection, so it could not do it by itself."""

    def script(peer: Peer) -> None:
        peer.read_request()

    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        failed = failure_to(lambda: authorize(exchange, asking_twice(), GOODBYE, soon()))

        assert server.requests[-1].startswith(b"DELETE /session ")
    assert failed.cause is EMPTY_REPLY


def test_a_platform_that_is_silent_at_the_goodbye_does_no_harm() -> None:
    """What was found out is what the caller wanted to know."""

    def script(peer: Peer) -> None:
        for body in (b"a", b"b"):
            peer.read_request()
            peer.send(reply(body))
        peer.read_request()

    with serving(script) as server, connected(server.port) as connection:
        server.peer(0)
        server.stop_listening()
        passed = authorize(Exchange(connection, endpoint()), asking_twice(), GOODBYE, soon())

    assert passed.value == "ab"
