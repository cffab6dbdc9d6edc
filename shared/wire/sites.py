"""The models of the list of sites."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Self

from pydantic import AwareDatetime, Field

from shared.diagnosis.report import WireModel
from shared.diagnosis.translations import Language
from shared.queue.queued_job import QueueName
from shared.sites.site_entry import SiteEntry
from shared.sites.worker_record import WorkerRecord
from shared.store.jobs.presence import Presence
from shared.wire.site_notes import notes_of

MOST_SHOWN: Final = 16
"""Versions and canaries that are shown of a site, however many its workers tell of."""


class SiteCanary(WireModel):
    """A host that answers whenever the site's own network works."""

    endpoint: str = Field(examples=["10.0.0.1:443"])
    answering: int = Field(description="Workers that it answered at their last look.")
    silent: int = Field(description="Workers that it did not answer.")


class SiteNote(WireModel):
    """Something about a site that its operators should know."""

    code: str = Field(examples=["no_bulk_worker", "clock_off"])
    text: str = Field(examples=["No worker for bulk tests is alive."])


class SiteView(WireModel):
    """A place that tests can be made from, and how it is now."""

    name: str = Field(description="The value of `options.site`.", examples=["fra1"])
    title: str = Field(description="What people call it; the name if it has none.")
    labels: dict[str, str]
    egress: tuple[str, ...] = Field(
        description="The public addresses and networks that platforms see its tests come from.",
        examples=[["203.0.113.7"]],
    )
    workers: dict[QueueName, int] = Field(
        description="How many workers are alive, for single tests and for bulk tests."
    )
    versions: tuple[str, ...] = Field(description="The versions that they run.")
    waiting: int = Field(description="Tests that no worker has begun.")
    running: int
    canaries: tuple[SiteCanary, ...] = Field(
        description="What its workers found when they last looked at their canaries."
    )
    last_seen: AwareDatetime | None = Field(
        description="When a worker was last alive; null if that is more than 30 days ago."
    )
    notes: tuple[SiteNote, ...] = Field(description="What its operators should know.")

    @classmethod
    def of(cls, entry: SiteEntry, found: Presence, version: str, language: Language = "en") -> Self:
        """Return the public view of a site; `version` is that of the API."""
        records = found.records.values()
        notes = notes_of(found, version)
        return cls(
            name=entry.name,
            title=entry.shown_as,
            labels=dict(entry.labels),
            egress=entry.egress_texts,
            workers=dict(found.workers),
            versions=_versions(records),
            waiting=found.waiting,
            running=found.running,
            canaries=_canaries(records),
            last_seen=found.seen_at,
            notes=tuple(
                SiteNote(code=code, text=said.in_language(language)) for code, said in notes
            ),
        )


class Sites(WireModel):
    """The sites that the token may test from, in the order of the operators' file."""

    items: tuple[SiteView, ...]


def _versions(records: Iterable[WorkerRecord]) -> tuple[str, ...]:
    return tuple(sorted({record.version for record in records})[:MOST_SHOWN])


def _canaries(records: Iterable[WorkerRecord]) -> tuple[SiteCanary, ...]:
    looks = [look for record in records for look in record.canaries]
    answering = Counter(str(look) for look in looks if look.answers)
    silent = Counter(str(look) for look in looks if not look.answers)
    names: Sequence[str] = sorted({*answering, *silent})[:MOST_SHOWN]
    return tuple(
        SiteCanary(endpoint=name, answering=answering[name], silent=silent[name]) for name in names
    )
