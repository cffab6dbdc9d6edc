"""Stream the progress of a batch as Server-Sent Events."""

import re
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.batches.batches import Batches
from api.batches.views import summary
from api.jobs.events import event_stream
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchProgress
from shared.wire.batches import BatchView

LAST_ID = "end"
_COUNT = re.compile("[0-9]{1,9}")
_COUNTS = {
    *("total", "queued", "running", "passed", "warnings", "failed", "cancelled", "expired"),
    *("lost", "rate_per_second", "estimated_end_at"),
}


def stream(
    batches: Batches, batch_id: str, last_event_id: str | None, language: Language
) -> EventSourceResponse:
    """Return the batch's progress after what the reader has seen already."""
    events = _events(batches, batch_id, last_event_id or "", language)
    return event_stream(events, language)


async def _events(
    batches: Batches, batch_id: str, last_event_id: str, language: Language
) -> AsyncIterator[ServerSentEvent]:
    if last_event_id == LAST_ID:
        return
    known = int(last_event_id) if _COUNT.fullmatch(last_event_id) else None
    told = ""
    progress: BatchProgress | None = None
    async with batches.watching.of(batch_id) as watched:
        while True:
            progress = await watched.after(progress)
            if progress.finished_at:
                yield _closed(await batches.reader.view(batch_id, progress, language))
                return
            view = summary(batch_id, progress)
            done = view.total - view.queued - view.running
            shown = view.model_dump_json(by_alias=True, include=_COUNTS)
            if shown != told and done != known:
                yield ServerSentEvent(shown, event="progress", id=str(done))
            told, known = shown, None


def _closed(view: BatchView) -> ServerSentEvent:
    data = view.model_dump_json(by_alias=True, exclude={"errors"})
    return ServerSentEvent(data, event="closed", id=LAST_ID)
