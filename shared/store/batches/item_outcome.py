"""Work out what a batch counts for a job that is over."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from shared.diagnosis.report import DetailedItem, Job, JobStatus
from shared.store.batches.letters import CANCELLED, EXPIRED, FAILED, LOST, PASSED, WARNED, Letter

_LETTERS: dict[JobStatus, Letter] = {"cancelled": CANCELLED, "expired": EXPIRED, "lost": LOST}

SHARED_FACTS = ("host", "address", "issuer", "proxy")
"""The facts that failed platforms may have in common."""


class ItemOutcome(NamedTuple):
    """What became of an item and of those that are equal to it."""

    indexes: Sequence[int]
    letter: Letter
    cause: str
    facts: Sequence[str]
    took_ms: float | None = None
    """The time of all steps; None where none was made, or a worker of the version before did it."""

    @classmethod
    def passed(cls, indexes: Sequence[int], took_ms: float | None = None) -> Self:
        """Return what a job means of which each step passed without a warning."""
        return cls(indexes, PASSED, "", (), took_ms)

    @classmethod
    def of(cls, indexes: Sequence[int], job: Job) -> Self:
        """Return what the closed `job` means for the items at `indexes`."""
        told = telling_item(job)
        letter = _letter(job, told)
        cause = (told.cause if told else None) or ""
        facts = sorted(set(_shared_facts(job, told))) if letter in (FAILED, LOST) else ()
        return cls(indexes, letter, cause, facts, job.took_ms)


def telling_item(job: Job) -> DetailedItem | None:
    """Return the most telling item: the one that failed, else the first with a warning."""
    told = sorted((item for item in job.items if item.cause), key=lambda i: i.outcome != "failed")
    return told[0] if told else None


def _letter(job: Job, told: DetailedItem | None) -> Letter:
    if job.status in _LETTERS:
        return _LETTERS[job.status]
    if not job.success:
        return FAILED
    return WARNED if told else PASSED


def _shared_facts(job: Job, told: DetailedItem | None) -> Iterator[str]:
    yield f"host={job.endpoint.partition('://')[2].rpartition(':')[0]}"
    for name in SHARED_FACTS if told else ():
        value = told.evidence.get(name) if told else None
        if isinstance(value, str):
            yield f"{name}={value}"
