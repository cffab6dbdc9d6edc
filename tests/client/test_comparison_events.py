"""The stream of what happens at all sites of a comparison."""

import asyncio
from collections.abc import Callable

import pytest

from conncheck_client import (
    AsyncClient,
    Client,
    ComparisonEvent,
    UnexpectedAnswerError,
)
from tests.client.comparisons import (
    ID,
    a_comparison,
    an_event,
    an_item,
    of_site,
)
from tests.client.scripted import Reply, Scripted, scripted

TOKEN = "token-token-token"


def watched(script: Scripted) -> list[ComparisonEvent]:
    with Client(script.url, TOKEN) as client:
        return list(client.comparison_events(ID))


def watched_async(script: Scripted) -> list[ComparisonEvent]:
    async def made() -> list[ComparisonEvent]:
        async with AsyncClient(script.url, TOKEN) as client:
            return [event async for event in client.comparison_events(ID)]

    return asyncio.run(made())


@pytest.mark.parametrize("watch", [watched, watched_async])
def test_the_stream_goes_on_until_the_last_site_is_over(
    watch: Callable[[Scripted], list[ComparisonEvent]],
) -> None:
    """Each site's job is closed on its own; a stream that breaks off there is resumed."""
    first = [
        an_event("1.0", "queued", **of_site("default"), steps=["dns_lookup"]),
        an_event("2.0", "step_ended", **of_site("default"), **an_item("dns_lookup")),
        an_event("3.0", "closed", **of_site("default"), status="finished"),
    ]
    rest = [
        an_event("3.1", "step_started", **of_site("fra1"), step="dns_lookup"),
        an_event("3.1", "over", **a_comparison()),
    ]
    with scripted(Reply(200, "".join(first), cut=True), Reply(200, "".join(rest))) as script:
        events = watch(script)

    assert [(event.site, event.kind) for event in events] == [
        ("default", "queued"),
        ("default", "step_ended"),
        ("default", "closed"),
        ("fra1", "step_started"),
        ("", "over"),
    ]
    assert events[0].steps == ("dns_lookup",)
    assert events[1].item
    assert events[1].item.outcome == "passed"
    assert events[-1].finished
    assert events[-1].finished.status == "finished"
    assert script.headers[1]["Last-Event-ID"] == "3.0"


@pytest.mark.parametrize("event", ["queued", "over"])
def test_an_event_of_something_else_is_named_and_not_quoted(event: str) -> None:
    """What a proxy sends may hold anything."""
    strange = Reply(200, an_event("1", event, steps=["\x1b[2J"]))
    with scripted(strange) as script, pytest.raises(UnexpectedAnswerError) as raised:
        watched(script)

    assert "\x1b" not in str(raised.value)
