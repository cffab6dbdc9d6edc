"""Read Server-Sent Events (WHATWG HTML, 9.2.6), and what those of the service mean."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from conncheck_client.models.batches import Batch, BatchProgress
from conncheck_client.models.comparisons import Comparison
from conncheck_client.models.events import BatchEvent, ComparisonEvent, JobEvent
from conncheck_client.models.jobs import DetailedItem, StepName
from conncheck_client.models.wire import AnswerModel
from conncheck_client.problems import UnexpectedAnswerError

CLOSED, OVER = "closed", "over"
"""What ends the stream of a job or a batch, and that of a comparison, whose jobs are closed."""
LONGEST = 1_048_576  # characters of one event; an endless one must not fill the memory


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event as it came."""

    id: str
    kind: str
    data: str


@dataclass(slots=True)
class EventParser:
    """Makes events of text that comes in pieces."""

    last_id: str = ""
    """The id of the last event that was complete: what to resume after."""
    _id: str = ""
    _kind: str = ""
    _data: list[str] = field(default_factory=list)
    _line: str = ""
    _length: int = 0

    def feed(self, piece: str) -> Iterator[ServerEvent]:
        """Give the events that `piece` completes.

        Raises:
            UnexpectedAnswerError: an event does not end.
        """
        self._length += len(piece)
        *lines, self._line = (self._line + piece).split("\n")
        for line in lines:
            event = self._take(line.removesuffix("\r"))
            if event:
                yield event
        if self._length > LONGEST:
            raise UnexpectedAnswerError("the service sent an event without an end")

    def _take(self, line: str) -> ServerEvent | None:
        if not line:
            return self._completed()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    @property
    def resuming(self) -> dict[str, str]:
        """The header with which a stream goes on where this one has ended."""
        return {"Last-Event-ID": self.last_id} if self.last_id else {}

    def begin_anew(self) -> None:
        """Forget the part of an event with which a broken stream has ended."""
        self._line = ""
        self._forget_event()

    def _completed(self) -> ServerEvent | None:
        self.last_id = self._id
        event = ServerEvent(self.last_id, self._kind, "\n".join(self._data)) if self._data else None
        self._forget_event()
        return event

    def _forget_event(self) -> None:
        self._id, self._kind, self._length = self.last_id, "", 0
        self._data.clear()


class _Told(AnswerModel):
    """What is told of a job that was queued or began a step."""

    step: StepName | None = None
    steps: tuple[StepName, ...] = ()


class _Whose(AnswerModel):
    """Which job of a comparison an event is about."""

    site: str
    job_id: str


def job_event(event: ServerEvent) -> JobEvent:
    """Return what happened to the job.

    Raises:
        UnexpectedAnswerError: it can't be read.
    """
    try:
        if event.kind in ("step_ended", "step_noted"):
            item = DetailedItem.model_validate_json(event.data)
            return JobEvent(event.id, event.kind, item.name, item)
        told = _Told.model_validate_json(event.data)
    except ValidationError:
        raise _unknown() from None
    return JobEvent(event.id, event.kind, told.step, steps=told.steps)


def batch_event(event: ServerEvent) -> BatchEvent:
    """Return how the batch got on.

    Raises:
        UnexpectedAnswerError: it can't be read.
    """
    try:
        progress = BatchProgress.model_validate_json(event.data)
        if event.kind == CLOSED:  # the rejected rows are not repeated in it
            shown = Batch.model_validate({"errors": (), **json.loads(event.data)})
            return BatchEvent(event.id, progress, shown)
    except ValidationError:
        raise _unknown() from None
    return BatchEvent(event.id, progress)


def comparison_event(event: ServerEvent) -> ComparisonEvent:
    """Return what happened at a site, or how the comparison ended.

    Raises:
        UnexpectedAnswerError: it can't be read.
    """
    try:
        if event.kind == OVER:
            finished = Comparison.model_validate_json(event.data)
            return ComparisonEvent(event.id, event.kind, finished=finished)
        whose = _Whose.model_validate_json(event.data)
    except ValidationError:
        raise _unknown() from None
    of_job = job_event(event)
    return ComparisonEvent(
        *(of_job.id, of_job.kind, of_job.step, of_job.item, of_job.steps),
        site=whose.site,
        job_id=whose.job_id,
    )


def _unknown() -> UnexpectedAnswerError:
    return UnexpectedAnswerError("the service sent an event that this version does not know")
