"""Stream the progress of a batch as Server-Sent Events."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.batches.batches import Batches
from api.jobs.events import event_stream
from shared.diagnosis.translations import Language
from shared.store.batches.batch_keys import batch_key
from shared.store.jobs.job_watch import look_after, look_until_back
from shared.wire.batches import BatchView

REST_S = 0.5  # between two events: a batch changes a hundred times per second
LOOK_AGAIN_S = 2.0  # items may have begun without an announcement
LAST_ID = "end"
_COUNT = re.compile("[0-9]{1,9}")
_COUNTS = {
    *("total", "queued", "running", "passed", "warnings", "failed", "cancelled", "expired"),
    *("lost", "rate_per_second", "estimated_end_at"),
}


def stream(
    batches: Batches, batch_id: str, tenant: str, last_event_id: str | None, language: Language
) -> EventSourceResponse:
    """Return the batch's progress after what the reader has seen already."""
    events = _events(batches, batch_id, tenant, last_event_id or "", language)
    return event_stream(events, language)


async def _events(
    batches: Batches, batch_id: str, tenant: str, last_event_id: str, language: Language
) -> AsyncIterator[ServerSentEvent]:
    if last_event_id == LAST_ID:
        return
    known = int(last_event_id) if _COUNT.fullmatch(last_event_id) else None
    told = ""

    async def look() -> BatchView:
        own = await batches.reader.own(batch_id, tenant)
        return await batches.reader.view(batch_id, own, language)

    async with batches.watch.changes(batch_key(batch_id)) as changed:
        while True:
            patient = partial(look_until_back, look)
            view = await look_after(changed, patient, within_s=LOOK_AGAIN_S)
            done = view.total - view.queued - view.running
            progress = view.model_dump_json(by_alias=True, include=_COUNTS)
            if view.status == "finished":
                yield _closed(view)
                return
            if progress != told and done != known:
                yield ServerSentEvent(progress, event="progress", id=str(done))
            told, known = progress, None
            await asyncio.sleep(REST_S)


def _closed(view: BatchView) -> ServerSentEvent:
    data = view.model_dump_json(by_alias=True, exclude={"errors"})
    return ServerSentEvent(data, event="closed", id=LAST_ID)
