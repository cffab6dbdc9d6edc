"""What is repeated, when, and for how long."""

import asyncio
import json
from collections.abc import Callable

import pytest

from conncheck_client import (
    AsyncClient,
    Client,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from tests.client.scripted import Reply, Scripted, scripted
from tests.running.service import a_request

TOKEN = "token-token-token"
TAKEN = json.dumps({"jobId": "0" * 32, "status": "queued", "statusUrl": "/jobs/0"})
PROBLEM = json.dumps({"type": "about:blank", "title": "no", "status": 503, "detail": "No worker."})
LATER = Reply(503, PROBLEM, {"Retry-After": "0"})


def submit(script: Scripted) -> str:
    with Client(script.url, TOKEN) as client:
        return client.submit(a_request("h")).job_id


def submit_async(script: Scripted) -> str:
    async def submitted() -> str:
        async with AsyncClient(script.url, TOKEN) as client:
            return (await client.submit(a_request("h"))).job_id

    return asyncio.run(submitted())


@pytest.mark.parametrize("ask", [submit, submit_async])
def test_a_service_that_says_later_is_asked_again_with_the_same_key(
    ask: Callable[[Scripted], str],
) -> None:
    """The key makes the repetition harmless, should the first one have counted."""
    limited = Reply(429, PROBLEM.replace("503", "429"), {"Retry-After": "0"})
    with scripted(LATER, limited, Reply(202, TAKEN)) as script:
        assert ask(script) == "0" * 32

    keys = {headers["Idempotency-Key"] for headers in script.headers}
    assert (len(script.asked), len(keys)) == (3, 1)


@pytest.mark.parametrize("ask", [submit, submit_async])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    ask: Callable[[Scripted], str],
) -> None:
    """The test may have been accepted; the key finds out."""
    with scripted(Reply(202, TAKEN, cut=True), Reply(202, TAKEN)) as script:
        assert ask(script) == "0" * 32

    assert len({headers["Idempotency-Key"] for headers in script.headers}) == 1


def test_what_lasts_longer_than_the_patience_is_told_at_once() -> None:
    """Who waits an hour for an answer has left; the error says when to come again."""
    with (
        scripted(Reply(503, PROBLEM, {"Retry-After": "3600"})) as script,
        pytest.raises(UnavailableError) as raised,
    ):
        submit(script)

    assert raised.value.retry_after_s == 3600
    assert str(raised.value) == "No worker."


def test_what_is_not_conncheck_is_named_and_not_quoted() -> None:
    """A proxy's page may hold anything, terminal escapes too."""
    page = "<html>\x1b[2J</html>"
    with (
        scripted(Reply(502, page), Reply(200, page)) as script,
        Client(script.url, TOKEN) as client,
    ):
        with pytest.raises(UnexpectedAnswerError, match="502 Bad Gateway, and not as conncheck"):
            client.job("x")
        with pytest.raises(UnexpectedAnswerError, match="does not know"):
            client.job("x")


def test_redirects_are_not_followed() -> None:
    """The token and the key pair would go to wherever the answer says."""
    with (
        scripted(Reply(307, headers={"Location": "http://127.0.0.1:1/"})) as script,
        pytest.raises(UnexpectedAnswerError),
    ):
        submit(script)


def test_a_repetition_that_could_count_twice_is_not_made() -> None:
    """Retrying a batch has no key, so a lost answer is left to the caller."""
    with (
        scripted(Reply(202, cut=True)) as script,
        Client(script.url, TOKEN) as client,
        pytest.raises(UnreachableError, match=f"^{script.url} can't be reached: "),
    ):
        client.retry_batch("b")


EVENT = "id: {id}\nevent: {kind}\ndata: {data}\n\n"


def stream(*events: tuple[str, str], cut: bool = False, more: str = "") -> Reply:
    data = '{"at":"2026-01-01T00:00:00Z","step":"dns_lookup"}'
    body = "".join(EVENT.format(id=n, kind=kind, data=data) for n, kind in events)
    return Reply(200, body + more, {"Content-Type": "text/event-stream"}, cut)


def test_a_stream_that_breaks_off_goes_on_where_it_was() -> None:
    """An event that came only in part is not lost: it is asked for again."""
    half = "id: 1-2\nevent: step_started\nda"
    with (
        scripted(
            stream(("0-1", "queued"), ("1-1", "step_started"), cut=True, more=half),
            LATER,
            stream(("1-2", "step_started"), ("1-3", "closed")),
        ) as script,
        Client(script.url, TOKEN) as client,
    ):
        events = list(client.events("x"))

    assert [event.id for event in events] == ["0-1", "1-1", "1-2", "1-3"]
    assert script.headers[1]["Last-Event-ID"] == "1-1"
    assert script.headers[2]["Last-Event-ID"] == "1-1"


def events(script: Scripted) -> None:
    with Client(script.url, TOKEN, patience_s=0) as client:
        list(client.events("x"))


def events_async(script: Scripted) -> None:
    async def read() -> None:
        async with AsyncClient(script.url, TOKEN, patience_s=0) as client:
            _ = [event async for event in client.events("x")]

    asyncio.run(read())


@pytest.mark.parametrize("read", [events, events_async])
def test_a_stream_that_ends_too_early_names_the_service(read: Callable[[Scripted], None]) -> None:
    """No error of the network says which service it was."""
    with scripted(stream(("0-1", "queued"))) as script, pytest.raises(UnreachableError) as raised:
        read(script)

    assert str(raised.value) == f"{script.url} can't be reached: the stream ended"


def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    """What answers may not be conncheck."""
    endless = Reply(200, "data: " + "x" * 2_000_000, {"Content-Type": "text/event-stream"})
    with (
        scripted(endless) as script,
        Client(script.url, TOKEN) as client,
        pytest.raises(UnexpectedAnswerError),
    ):
        list(client.events("x"))
