"""The public view of a batch."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.diagnosis.catalogue import doc_url
from shared.diagnosis.translations import Language, sentence
from shared.store.batches.batch import BatchItem, BatchProgress, CauseCount
from shared.store.batches.letters import (
    AT_WORK,
    CANCELLED,
    EXPIRED,
    FAILED,
    LOST,
    PASSED,
    WAITING,
    WARNED,
)
from shared.wire.batches import BatchView, CauseGroup, Example, SharedFact


def summary(batch_id: str, progress: BatchProgress) -> BatchView:
    """Return the batch's progress without its results."""
    counted = counts(progress)
    rate, ends_at = pace(progress, counted["queued"] + counted["running"], datetime.now(UTC))
    return BatchView(
        batch_id=batch_id,
        status="finished" if progress.finished_at else "running",
        total=progress.batch.total,
        **counted,
        rejected=progress.batch.rejected,
        rate_per_second=rate,
        estimated_end_at=ends_at,
        created_at=progress.batch.created_at,
        # Processes of the API learn the time of Redis to within a few milliseconds.
        began_at=progress.began_at and max(progress.batch.created_at, progress.began_at),
        finished_at=progress.finished_at,
        start_by=progress.batch.start_by,
        repeats=progress.batch.repeats or None,
        causes=(),
        groups=(),
        shared_facts=(),
        errors=(),
    )


def counts(progress: BatchProgress) -> dict[str, int]:
    """Return the number of items in each state; items that no worker has begun are queued."""
    number, waiting_at_work = progress.counts, progress.waiting_at_work
    return {
        "queued": number[WAITING] + waiting_at_work,
        "running": number[AT_WORK] - waiting_at_work,
        "passed": number[PASSED] + number[WARNED],
        "warnings": number[WARNED],
        "failed": number[FAILED],
        "cancelled": number[CANCELLED],
        "expired": number[EXPIRED],
        # Of a letter that this version doesn't know, the outcome is unknown here.
        "lost": number[LOST] + progress.batch.total - sum(number.values()),
    }


def pace(
    progress: BatchProgress, unfinished: int, now: datetime
) -> tuple[float | None, datetime | None]:
    """Return the items done per second so far, and when all are done at this rate."""
    done = progress.batch.total - unfinished
    until = progress.finished_at or now
    took_s = (until - progress.began_at).total_seconds() if progress.began_at else 0
    if not done or took_s <= 0:
        return None, None
    rate = done / took_s
    ends_at = None if progress.finished_at else now + timedelta(seconds=unfinished / rate)
    return round(rate, 3), ends_at


def cause_group(
    total: int,
    found: CauseCount,
    items: Sequence[BatchItem],
    job_ids: Sequence[str],
    language: Language = "en",
) -> CauseGroup:
    """Return the view of a cause; `items` are its first items, `job_ids` their jobs."""
    text = sentence(language, "{count} of {total}: {cause}")
    return CauseGroup(
        cause=found.code,
        doc_url=doc_url(found.code),
        outcome="warning" if found.letter == WARNED else "failed",
        count=found.count,
        text=text.format(count=found.count, total=total, cause=found.code),
        examples=tuple(
            Example(
                index=index,
                name=item.name,
                ref=item.ref,
                endpoint=item.endpoint,
                job_id=job_id,
            )
            for index, item, job_id in zip(found.first, items, job_ids, strict=True)
        ),
    )


def shared_fact(text: str, count: int, language: Language = "en") -> SharedFact:
    """Return the view of a fact that `count` failed items have in common."""
    fact, _, value = text.partition("=")
    template = sentence(language, "{count} with {fact} {value}")
    shown = template.format(count=count, fact=fact, value=value)
    return SharedFact(fact=fact, value=value, count=count, text=shown)
