"""Stream a job's events as Server-Sent Events."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.jobs.jobs import Jobs
from api.jobs.mock_answers import MOCK_HEADERS
from api.language import headers_of
from shared.diagnosis.entries import Closed, Entry, Queued, StepEnded, StepNoted, Unread
from shared.diagnosis.translations import Language
from shared.reporting.fold import MOST_FINDINGS, Places, findings_in, fold, nowhere
from shared.store.jobs.job_reader import Story
from shared.store.jobs.job_stream import MOST_ROWS
from shared.store.jobs.job_watch import look_after, look_until_back

KEEP_ALIVE_S = 15
STALLED_S = 30  # a reader that receives nothing for this long is dropped
_ENTRY_ID = re.compile("[0-9]{1,20}-[0-9]{1,20}")


def last_seen(header: str | None) -> str | None:
    """Return the entry id in a Last-Event-ID header; None if there is none."""
    return header if header and _ENTRY_ID.fullmatch(header) else None


def stream(jobs: Jobs, job_id: str, after: str | None, language: Language) -> EventSourceResponse:
    """Return the job's events after the event with the id `after`, up to the last one."""
    events = _events(jobs, job_id, after, language)
    return event_stream(events, language)


def event_stream(events: AsyncIterator[ServerSentEvent], language: Language) -> EventSourceResponse:
    """Return the response that streams `events`, whose texts are in `language`."""
    return EventSourceResponse(
        events,
        headers=headers_of(language),
        ping=KEEP_ALIVE_S,
        send_timeout=STALLED_S,
        sep="\n",
    )


def replay(story: Story, after: str | None, language: Language) -> EventSourceResponse:
    """Return a mock job's events, at the intervals of its own clock."""
    headers = {**headers_of(language), **MOCK_HEADERS}
    return EventSourceResponse(_replayed(story, after, language), headers=headers, sep="\n")


async def _replayed(
    story: Story, after: str | None, language: Language
) -> AsyncIterator[ServerSentEvent]:
    for number, (entry_id, entry) in enumerate(story):
        if (after and _order(entry_id) <= _order(after)) or not is_told(story[: number + 1]):
            continue
        yield event_of(story[: number + 1], language)
        following = story[number + 1 : number + 2]
        await asyncio.sleep(sum((row[1].at - entry.at).total_seconds() for row in following))


async def _events(
    jobs: Jobs, job_id: str, after: str | None, language: Language
) -> AsyncIterator[ServerSentEvent]:
    """Yield an event for each entry, with the entry's id, so that none comes twice."""
    told: list[tuple[str, Entry]] = []
    keys = await look_until_back(partial(jobs.store.index.keys_of, job_id))
    async with jobs.watch.changes(keys.job(job_id)) as changed:
        while True:
            unread = partial(jobs.store.reader.story, job_id, told[-1][0] if told else None)
            for row in await look_after(changed, partial(look_until_back, unread)):
                told.append(row)
                if is_too_much(told):
                    return  # a reader that comes back is told that the job is lost
                if not is_told(told):
                    continue
                if after is None or _order(row[0]) > _order(after):
                    yield event_of(told, language, jobs.store.reader.places)
                if isinstance(row[1], Closed):
                    return


def is_told(story: Story) -> bool:
    """Return whether the last of the entries so far is an event.

    A job is queued once, by the API: a second such entry is a stolen worker's.
    """
    entry = story[-1][1]
    return not isinstance(entry, Unread) and not (isinstance(entry, Queued) and len(story) > 1)


def is_too_much(told: Story) -> bool:
    """Return whether there is more than any worker of ours tells: the job is read as lost."""
    return len(told) > MOST_ROWS or sum(findings_in(entry) for _, entry in told) > MOST_FINDINGS


def _needed_for(last: Entry, told: Story) -> Iterator[Entry]:
    """Yield the entries that say what the last one means; none if it says all itself.

    What was found in other steps need not be put into words once more.
    """
    if not isinstance(last, StepEnded | StepNoted | Closed):
        return
    for _, entry in told:
        if isinstance(last, Closed) or not isinstance(entry, StepEnded | StepNoted):
            yield entry
        else:
            yield entry if entry.step == last.step else entry.model_copy(update={"causes": ()})


def _order(entry_id: str) -> tuple[int, int]:
    run, _, number = entry_id.partition("-")
    return int(run), int(number)


def event_of(told: Story, language: Language, places: Places = nowhere) -> ServerSentEvent:
    """Return the event for the last of the entries so far."""
    entry_id, entry = told[-1]
    data = entry.model_dump_json(include={"at", "step", "steps", "endpoint", "site"})
    job = fold(_needed_for(entry, told), places)
    job = job and job.in_language(language)
    if job and job.items and isinstance(entry, StepEnded):
        data = job.items[-1].model_dump_json(by_alias=True)
    elif job and isinstance(entry, StepNoted):
        noted = [item for item in job.items if item.name == entry.step]
        data = noted[0].model_dump_json(by_alias=True) if noted else data
    elif job and isinstance(entry, Closed):
        shown = {"status", "success", "recommendation", "finished_at"}
        data = job.model_dump_json(by_alias=True, include=shown)
    return ServerSentEvent(data, event=entry.kind, id=entry_id)
