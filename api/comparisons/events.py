"""Stream what happens at all sites of a comparison as Server-Sent Events."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from functools import partial

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.comparisons.comparisons import Comparisons
from api.comparisons.views import Shown, changes_of, look
from api.jobs.events import event_of, event_stream, is_told, is_too_much
from shared.comparison.record import Part
from shared.diagnosis.translations import Language
from shared.reporting.fold import Places
from shared.store.jobs.job_reader import Story
from shared.store.jobs.job_watch import look_after, look_until_back
from shared.wire.comparisons import MOST_SITES

_SEEN = re.compile(rf"[0-9]{{1,9}}(?:\.[0-9]{{1,9}}){{0,{MOST_SITES - 1}}}")
OVER = "over"
"""The last event: the whole comparison."""


def events_seen(header: str | None) -> tuple[int, ...]:
    """Return how many events of each site a Last-Event-ID says were received; () for none."""
    return tuple(map(int, header.split("."))) if header and _SEEN.fullmatch(header) else ()


def stream(
    comparisons: Comparisons,
    comparison_id: str,
    tenant: str,
    seen: tuple[int, ...],
    language: Language,
) -> EventSourceResponse:
    """Return the events of all jobs, in the order of each, up to the end of the comparison."""
    return event_stream(_events(comparisons, comparison_id, tenant, seen, language), language)


async def _events(
    comparisons: Comparisons,
    comparison_id: str,
    tenant: str,
    seen: tuple[int, ...],
    language: Language,
) -> AsyncIterator[ServerSentEvent]:
    """Yield an event for each entry of each job, with the number of those of every site as id."""
    again = partial(look, comparisons, comparison_id, tenant, language)
    shown = await again()
    parts = shown.standing.comparison.parts
    places = comparisons.jobs.store.reader.places
    told = dict(zip((part.site for part in parts), [*seen, *[0] * len(parts)], strict=False))
    async with changes_of(comparisons, comparison_id, shown.standing.comparison) as changed:
        while True:
            # The stories are read after the comparison: one that is over has no further entry.
            stories = await look_until_back(partial(_stories, comparisons, parts))
            for part in parts:
                for event in of_site(part, stories[part.site], told, language, places):
                    yield event
            if shown.standing.is_over:
                yield _last(shown, told)
                return
            shown = await look_after(changed, partial(look_until_back, again))


async def _stories(comparisons: Comparisons, parts: tuple[Part, ...]) -> Mapping[str, Story]:
    reader = comparisons.jobs.store.reader
    return {part.site: await reader.story(part.job_id) for part in parts}


def of_site(
    part: Part, story: Story, told: dict[str, int], language: Language, places: Places
) -> list[ServerSentEvent]:
    """Return the events of a site that were not told yet, and count them as told."""
    events = []
    for number in range(1, len(story) + 1):
        if number <= told[part.site]:
            continue
        told[part.site] = number
        if is_told(story[:number]) and not is_too_much(story[:number]):
            event = event_of(story[:number], language, places)
            data = {"site": part.site, "jobId": part.job_id, **json.loads(str(event.data))}
            content = json.dumps(data, ensure_ascii=False)
            events.append(ServerSentEvent(content, event=event.event, id=_id(told)))
    return events


def _last(shown: Shown, told: Mapping[str, int]) -> ServerSentEvent:
    return ServerSentEvent(shown.view.model_dump_json(by_alias=True), event=OVER, id=_id(told))


def _id(told: Mapping[str, int]) -> str:
    return ".".join(map(str, told.values()))
