from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from shared.diagnosis.outcomes import Failed
from shared.platform.http import HttpRequest, HttpResponse
from tests.network.loopback import connected, endpoint, failure_to, soon
from tests.network.servers import (
    Peer,
    Script,
    ScriptedServer,
    answering,
    answering_and_holding,
    hold,
    reply,
    serving,
)
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.http.response_reader import EMPTY_REPLY, TRUNCATED
from worker.http.sign_out import signing_out


def sign_out(answer: HttpResponse) -> HttpRequest | None:
    """End the session that the answer names, if it names one."""
    session = answer.headers.get("session")
    return HttpRequest("DELETE", f"/{session}") if session else None


LOOK = HttpRequest("GET", "/look")
SIGN_IN = HttpRequest("POST", "/sign-in", presents_credentials=True, sign_out=sign_out)
OPENED = reply(b"in", "Session: s1")
GONE = reply(b"")


@contextmanager
def signed_in(*scripts: Script) -> Iterator[tuple[ScriptedServer, Exchange, list[str]]]:
    """Give a server of these scripts, an exchange with it, and what is told of sign-outs."""
    told: list[str] = []
    with serving(*scripts) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with signing_out(exchange, told.append):
            exchange.ask(SIGN_IN, soon())
            yield server, exchange, told


def asked(server: ScriptedServer) -> list[bytes]:
    """Return method and path of each request."""
    return [b" ".join(request.split(b" ", 2)[:2]) for request in server.requests]


def test_the_session_is_ended_when_all_went_well() -> None:
    """Platforms have few sessions; one that is left open is missing to somebody else."""
    with signed_in(answering_and_holding(OPENED, reply(b"a"), GONE)) as (server, exchange, told):
        assert exchange.ask(LOOK, soon()).text == "a"

    assert asked(server) == [b"POST /sign-in", b"GET /look", b"DELETE /s1"]
    assert told == []


@pytest.mark.parametrize("error", [Failed(EMPTY_REPLY), KeyError("a bug"), TimeoutError()])
def test_the_session_is_ended_whatever_goes_wrong(error: Exception) -> None:
    """A fault of the platform, a bug of ours, or a job that another worker has now."""
    with (
        pytest.raises(type(error)) as caught,
        signed_in(answering_and_holding(OPENED, GONE)) as (server, _, told),
    ):
        raise error

    assert asked(server)[-1] == b"DELETE /s1"
    assert caught.value is error
    assert told == []


def test_all_sessions_are_ended_the_newest_first() -> None:
    """A later one may depend on an earlier one."""
    script = answering_and_holding(OPENED, reply(b"", "Session: s2"), GONE, GONE)
    with signed_in(script) as (server, exchange, _):
        exchange.ask(SIGN_IN, soon())

    assert asked(server)[-2:] == [b"DELETE /s2", b"DELETE /s1"]


def test_a_session_is_ended_although_the_answer_that_opened_it_was_cut_off() -> None:
    """Its token is in the headers, and the platform counts it."""
    cut_off = OPENED.replace(b"Content-Length: 2", b"Content-Length: 9999")
    scripts = (answering(cut_off), answering_and_holding(GONE))
    with serving(*scripts) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with pytest.raises(Failed) as caught, signing_out(exchange, lambda _: None):
            exchange.ask(SIGN_IN, soon())

        assert server.peer(1).requests[0].startswith(b"DELETE /s1 ")
    assert caught.value.cause is TRUNCATED


def cut(peer: Peer) -> None:
    """Let a client in, and close the connection at its next request."""
    answering(OPENED)(peer)
    peer.read_request()


@pytest.mark.parametrize("script", [cut, answering_and_holding(OPENED)])
def test_the_session_is_ended_over_a_new_connection_where_the_old_one_is_of_no_use(
    script: Script,
) -> None:
    """A platform in trouble cuts connections or hangs, and has even fewer sessions to spare."""
    look = replace(LOOK, presents_credentials=True)  # so that it is not asked again
    with signed_in(script, answering_and_holding(GONE)) as (server, exchange, told):
        failure_to(lambda: exchange.ask(look, Deadline.after(0.2)))

    assert server.peer(1).requests[0].startswith(b"DELETE /s1 ")
    assert told == []


def test_the_session_is_ended_although_the_job_is_cancelled() -> None:
    """Its sockets are shut, but whoever cancels tests must not fill up a platform."""
    cancelled = soon()
    scripts = (hold, answering_and_holding(OPENED), answering_and_holding(GONE))
    with serving(*scripts) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        with signing_out(exchange, lambda _: None):
            exchange.connection.reopen(cancelled)
            exchange.ask(SIGN_IN, cancelled)
            cancelled.cancellation.request()

    assert asked(server)[-1] == b"DELETE /s1"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(status="204 No Content"), []),
        (reply(status="401 Unauthorized"), []),  # it does not know the session any more
        (reply(status="404 Not Found"), []),
        (reply(status="500 Internal Server Error"), ["http 500"]),
        (b"", ["http.empty_reply"]),
    ],
)
def test_a_platform_that_does_not_end_the_session_does_no_harm(
    answer: bytes, why: list[str]
) -> None:
    """What was found out is what the caller wanted to know; the rest is told as a fact."""
    with signed_in(answering(OPENED, answer), answering(answer)) as (_, __, told):
        pass

    assert told == why


def test_where_there_is_no_session_nothing_is_sent() -> None:
    """Most products sign each request, and a sign-in may be refused."""
    with signed_in(answering_and_holding(reply(b"no"))) as (server, _, told):
        pass

    assert asked(server) == [b"POST /sign-in"]
    assert told == []
