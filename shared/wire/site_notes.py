"""Tell an operator what is not as it should be at a site."""

from collections.abc import Iterator
from typing import Final

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.queue.queued_job import BULK, INTERACTIVE
from shared.store.jobs.presence import Presence

CLOCK_OFF_S: Final = 2.0
"""The difference from the clock of Redis that is told; a slow line can pretend to one of 0.5 s."""
MOST_VERSIONS: Final = 3

Note = tuple[str, Sentence]
"""A code, and what it means here."""


def notes_of(found: Presence, version: str) -> Iterator[Note]:
    """Yield what operators should know of a site, compared with an API of this version."""
    if not found.workers[INTERACTIVE]:
        yield "no_interactive_worker", Sentence("No worker for single tests is alive.")
    if not found.workers[BULK]:
        yield "no_bulk_worker", Sentence("No worker for bulk tests is alive.")
    yield from _of_versions(found, version)
    yield from _of_clocks(found)
    yield from _of_canaries(found)


def _of_versions(found: Presence, version: str) -> Iterator[Note]:
    others = sorted({record.version for record in found.records.values()} - {version})
    if others:
        facts: dict[str, Fact] = {"version": version, "others": tuple(others[:MOST_VERSIONS])}
        yield (
            "other_version",
            Sentence("The API has version {version}, workers have {others}.", facts),
        )


def _of_clocks(found: Presence) -> Iterator[Note]:
    known = [(record.clock_ahead_s or 0.0, name) for name, record in found.records.items()]
    ahead_s, worker = max(known, key=lambda one: abs(one[0]), default=(0.0, ""))
    if abs(ahead_s) < CLOCK_OFF_S:
        return
    facts: dict[str, Fact] = {"worker": worker, "seconds": round(abs(ahead_s))}
    yield (
        "clock_off",
        Sentence("The clock of worker {worker} is {seconds} s ahead of that of Redis.", facts)
        if ahead_s > 0
        else Sentence("The clock of worker {worker} is {seconds} s behind that of Redis.", facts),
    )


def _of_canaries(found: Presence) -> Iterator[Note]:
    offline = [
        name
        for name, record in found.records.items()
        if record.canaries and not any(look.answers for look in record.canaries)
    ]
    if offline:
        yield (
            "canaries_silent",
            Sentence(
                "No canary answers worker {worker}: its own network may be down.",
                {"worker": offline[0]},
            ),
        )
