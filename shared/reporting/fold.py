"""Fold a job's entries into its report."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

from shared.diagnosis.catalogue import doc_url
from shared.diagnosis.durations import rounded_ms
from shared.diagnosis.entries import (
    Closed,
    Entry,
    FoundCause,
    Queued,
    Requeued,
    Started,
    StepEnded,
    StepNoted,
    StepStarted,
    Unread,
)
from shared.diagnosis.outcomes import Facts, Finding
from shared.diagnosis.report import (
    WORKER_LOST,
    DetailedItem,
    Job,
    JobStatus,
    recommendation_of,
    texts_of,
    without_verdict,
)
from shared.diagnosis.sentences import Sentence
from shared.reporting.wording import Wording

EntryT = TypeVar("EntryT", Queued, Started, StepStarted, Closed)

MOST_FINDINGS: Final = 100
"""Of a job: to put one into words takes 0.1 ms, and whoever watches has it done at each entry."""
NOTHING: Final[Facts] = MappingProxyType({})
Places = Callable[[str], Facts]
"""Returns what the API knows of the place of a test, by the name of the site (see Wording)."""


def nowhere(_site: str) -> Facts:
    """Return nothing: the place of the test is not known."""
    return NOTHING


_STEP_FAILED = "{step} failed"
_NOT_MADE: dict[JobStatus, str] = {
    "finished": "The worker does not have this step",
    "cancelled": "The test was cancelled",
    "expired": "The test waited too long",
    "lost": "The outcome of the test is unknown",
}
"""Why steps of a closed job were not made, if no step of a finished one failed."""


def fold(entries: Iterable[Entry], places: Places = nowhere) -> Job | None:
    """Return the job that `entries`, oldest first, describe; None if they describe none.

    All of its texts are made here, of the codes and the facts that a worker tells, and of what is
    known of the place of the test.

    Entries after the first Closed one are ignored. A Requeued entry puts the job back into the
    queue, and a Started entry starts it again: results of a run that was given up never mix with
    those of another. A job with more than MOST_FINDINGS is lost: no worker of ours finds as many.
    """
    story = list(_until_closed(entries))
    # A worker can only write after the API's own entry.
    queued = next((entry for entry in story if isinstance(entry, Queued)), None)
    closed = _last(Closed, story)
    if queued is None:
        return None
    run = _last_run(story)
    is_lost = closed is not None and closed.status == "lost"
    if closed and any(isinstance(entry, Unread) and entry.hides_something for entry in run):
        # What could not be read may have been the failure.
        closed = closed.model_copy(update={"status": "lost"})
    started = _last(Started, run)
    begun = {entry.step: entry for entry in run if isinstance(entry, StepStarted)}
    words = Wording(queued, places(queued.site))
    told = [words.ended(entry) for entry in run if isinstance(entry, StepEnded)]
    notes = [words.noted(entry) for entry in run if isinstance(entry, StepNoted)]
    ended = [_noted(entry, notes) for entry in told]
    if closed and closed.status == "lost" and is_lost:
        ended += _broken_off(run, closed)
    return _job(queued, started, closed, tuple(_item(begun.get(e.step), e) for e in ended))


def findings_in(entry: Entry) -> int:
    """Return how much there is to put into words in an entry; what is noted of a step counts."""
    causes = len(entry.causes) if isinstance(entry, StepEnded | StepNoted) else 0
    return causes + isinstance(entry, StepNoted)


def _until_closed(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries up to the first Closed one, or up to MOST_FINDINGS, where it is lost."""
    left = MOST_FINDINGS
    for entry in entries:
        left -= findings_in(entry)
        if left < 0:
            yield Closed(at=entry.at, status="lost")
            return
        yield entry
        if isinstance(entry, Closed):
            return


def _noted(ended: StepEnded, notes: Sequence[StepNoted]) -> StepEnded:
    """Return the end of a step with what became known later, which makes no step fail."""
    for note in (note for note in notes if note.step == ended.step):
        codes = {cause.code for cause in note.causes}
        kept = tuple(
            cause for cause in ended.causes if cause.severity == "failed" or cause.code not in codes
        )
        outcome = "warning" if note.causes and ended.outcome == "passed" else ended.outcome
        facts = {**ended.facts, **note.facts}
        causes = (*kept, *note.causes)
        ended = ended.model_copy(update={"outcome": outcome, "causes": causes, "facts": facts})
    return ended


def _broken_off(run: Sequence[Entry], closed: Closed) -> Iterator[StepEnded]:
    """Yield the end of the step at which the worker died, because the worker could not write it."""
    begun = _last(StepStarted, run)
    is_open = begun and not any(isinstance(e, StepEnded) and e.step == begun.step for e in run)
    if begun and is_open:
        # The worker's and the API's clocks may differ.
        took_ms = rounded_ms(max(0.0, (closed.at - begun.at).total_seconds() * 1000))
        cause = FoundCause.of(Finding(WORKER_LOST), {"step": begun.step})
        yield StepEnded(
            at=closed.at, step=begun.step, outcome="failed", took_ms=took_ms, causes=(cause,)
        )


def _last_run(story: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries since the last worker took the job; none if it waits for a worker."""
    is_lost = isinstance(story[-1], Closed) and story[-1].status == "lost"
    for n, entry in reversed(list(enumerate(story))):
        if isinstance(entry, Requeued) and not is_lost:
            return story[n + 1 :]
        if isinstance(entry, Started):
            return story[n:]
    return []


def _last(kind: type[EntryT], story: Sequence[Entry]) -> EntryT | None:
    return next((entry for entry in reversed(story) if isinstance(entry, kind)), None)


def _job(
    queued: Queued, started: Started | None, closed: Closed | None, items: tuple[DetailedItem, ...]
) -> Job:
    status: JobStatus = closed.status if closed else "running" if started else "queued"
    passed = bool(items) and all(item.status == "success" for item in items)
    done = {item.name for item in items}
    started_at = _no_earlier(queued.at, started)
    all_items = (*items, *_skipped(queued, closed, items)) if closed else items
    return Job(
        status=status,
        success=(passed and status == "finished") if closed else None,
        items=tuple(_begun_within(started_at or queued.at, item) for item in all_items),
        steps_to_come=() if closed else tuple(s for s in queued.steps if s not in done),
        recommendation=without_verdict(closed) or recommendation_of(items),
        product_type=queued.product_type,
        endpoint=queued.endpoint,
        site=queued.site,
        tenant=queued.tenant,
        queue_ms=_queue_ms(queued.at, started_at) if started_at else None,
        created_at=queued.at,
        started_at=started_at,
        finished_at=_no_earlier(started_at or queued.at, closed),
    )


def _no_earlier(before: datetime, entry: Started | Closed | None) -> datetime | None:
    """Return when the entry was written, which followed `before` by another machine's clock."""
    return max(before, entry.at) if entry else None


def _begun_within(job_began_at: datetime, item: DetailedItem) -> DetailedItem:
    """Return the item of a step that did not begin before its job did; a clock may be behind."""
    if item.started_at >= job_began_at:
        return item
    return item.model_copy(update={"started_at": job_began_at})


def _skipped(
    queued: Queued, closed: Closed, items: Sequence[DetailedItem]
) -> Iterator[DetailedItem]:
    """Yield the steps that the closed job did not make, with the reason."""
    done = {item.name for item in items}
    failed = next((item.name for item in items if item.outcome == "failed"), None)
    if failed and closed.status == "finished":
        why = Sentence(_STEP_FAILED, {"step": failed})
    else:
        why = Sentence(_NOT_MADE[closed.status])
    for step in queued.steps:
        if step not in done:
            yield DetailedItem(
                name=step,
                status="skipped",
                latency_ms="0",
                error_msg="",
                outcome="skipped",
                summary=str(why),
                started_at=closed.at,
                took_ms=0.0,
                not_made=why,
            )


def _queue_ms(queued_at: datetime, started_at: datetime) -> float:
    return rounded_ms((started_at - queued_at).total_seconds() * 1000)


def _item(begun: StepStarted | None, ended: StepEnded) -> DetailedItem:
    cause: FoundCause | None = ended.causes[0] if ended.causes else None
    failed = ended.outcome == "failed"
    item = DetailedItem(
        name=ended.step,
        status="failure" if failed else "success",
        latency_ms=str(round(ended.took_ms)),
        error_msg="",
        outcome=ended.outcome,
        cause=cause.code if cause else None,
        doc_url=doc_url(cause.code) if cause else None,
        owner=cause.owner if cause else None,
        field=cause.field if cause else None,
        evidence={**ended.facts, **(cause.facts if cause else {})},
        command=ended.command,
        started_at=begun.at if begun else ended.at - timedelta(milliseconds=ended.took_ms),
        took_ms=ended.took_ms,
        found=ended.causes,
    )
    return item.model_copy(update=texts_of(ended.causes, "en", failed=failed)) if cause else item
