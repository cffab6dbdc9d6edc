import pytest

from shared.diagnosis.outcomes import Failed
from shared.platform.http import HttpRequest
from tests.network.loopback import connected, endpoint, soon
from tests.network.servers import Peer, answering_and_holding, reply, serving
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.http.response_reader import EMPTY_REPLY
from worker.http.sign_out import signing_out

LOOK = HttpRequest("GET", "/look")
GOODBYE = HttpRequest("DELETE", "/session")


def test_the_session_is_ended_when_all_went_well() -> None:
    """Platforms have few sessions; one that is left open is missing to somebody else."""
    script = answering_and_holding(reply(b"a"), reply(b""))
    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with signing_out(exchange, GOODBYE, soon()):
            assert exchange.ask(LOOK, soon()).text == "a"

        assert server.requests[-1].startswith(b"DELETE /session ")


@pytest.mark.parametrize("error", [Failed(EMPTY_REPLY), KeyError("a bug"), TimeoutError()])
def test_the_session_is_ended_whatever_goes_wrong(error: Exception) -> None:
    """A fault of the platform, a bug of ours, or a job that another worker has now."""
    with (
        serving(answering_and_holding(reply(b""))) as server,
        connected(server.port) as connection,
    ):
        with (
            pytest.raises(type(error)) as caught,
            signing_out(Exchange(connection, endpoint()), GOODBYE, soon()),
        ):
            raise error

        assert server.requests == [server.requests[0]]
        assert server.requests[0].startswith(b"DELETE /session ")
    assert caught.value is error


def test_the_session_is_ended_over_a_new_connection_where_the_old_one_broke() -> None:
    """A platform in trouble cuts connections, and has even fewer sessions to spare."""

    def cut(peer: Peer) -> None:
        peer.read_request()

    scripts = (cut, answering_and_holding(reply(b"")))
    with serving(*scripts) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with pytest.raises(Failed) as caught, signing_out(exchange, GOODBYE, soon()):
            exchange.ask(LOOK, soon())

        assert server.peer(1).requests[0].startswith(b"DELETE /session ")
    assert caught.value.cause is EMPTY_REPLY


def test_the_session_is_ended_although_the_time_is_up() -> None:
    """A test that takes too long every time would leave a session each time."""
    with (
        serving(answering_and_holding(reply(b""))) as server,
        connected(server.port) as connection,
    ):
        with signing_out(Exchange(connection, endpoint()), GOODBYE, Deadline.after(-1)):
            pass

        assert server.requests[0].startswith(b"DELETE /session ")


def test_a_platform_that_is_silent_at_the_goodbye_does_no_harm() -> None:
    """What was found out is what the caller wanted to know."""

    def hang_up(peer: Peer) -> None:
        peer.read_request()

    with serving(hang_up) as server, connected(server.port) as connection:
        server.peer(0)
        server.stop_listening()
        with signing_out(Exchange(connection, endpoint()), GOODBYE, soon()):
            pass

        assert len(server.requests) == 1


def test_where_there_is_no_session_nothing_is_sent() -> None:
    """Most products sign each request."""
    with (
        serving(answering_and_holding()) as server,
        connected(server.port) as connection,
        signing_out(Exchange(connection, endpoint()), None, soon()),
    ):
        server.peer(0)

    assert server.requests == []


def test_a_cancelled_job_sends_nothing_any_more() -> None:
    """Its sockets are shut, and its thread is wanted elsewhere."""
    deadline = soon()
    with (
        serving(answering_and_holding()) as server,
        connected(server.port) as connection,
        signing_out(Exchange(connection, endpoint()), GOODBYE, deadline),
    ):
        server.peer(0)
        deadline.cancellation.request()

    assert server.requests == []
