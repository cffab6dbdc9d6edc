"""Say of a job that is over what its batch counts."""

from collections.abc import Iterator, Sequence

from shared.store.batches.batch_keys import Letter
from shared.batch_store import Settled
from shared.diagnosis.report import DetailedItem, Job, JobStatus

_LETTERS: dict[JobStatus, Letter] = {"cancelled": "c", "expired": "e", "lost": "l"}

SHARED_FACTS = ("host", "address", "issuer", "proxy")
"""What platforms that fail may have in common."""


def settled(indexes: Sequence[int], job: Job) -> Settled:
    """Return what the closed `job` means for the items at `indexes`."""
    told = telling_item(job)
    letter = _letter(job, told)
    cause = (told.cause if told else None) or ""
    facts = sorted(set(_shared_facts(job, told))) if letter in ("f", "l") else ()
    return Settled(indexes, letter, cause, facts)


def telling_item(job: Job) -> DetailedItem | None:
    """Return the item that says most: the one that failed, else the first with a warning."""
    told = sorted((item for item in job.items if item.cause), key=lambda i: i.outcome != "failed")
    return told[0] if told else None


def _letter(job: Job, told: DetailedItem | None) -> Letter:
    if job.status in _LETTERS:
        return _LETTERS[job.status]
    if not job.success:
        return "f"
    return "o" if told else "p"


def _shared_facts(job: Job, told: DetailedItem | None) -> Iterator[str]:
    yield f"host={job.endpoint.partition('://')[2].rpartition(':')[0]}"
    for name in SHARED_FACTS if told else ():
        value = told.evidence.get(name) if told else None
        if isinstance(value, str):
            yield f"{name}={value}"
