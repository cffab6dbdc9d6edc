"""Tests of what is shown of a site."""

from datetime import UTC, datetime

import pytest

from shared.queue.queued_job import BULK, INTERACTIVE
from shared.sealing import new_key_pair
from shared.sites.site_entry import DEFAULT_ENTRY, SiteEntry
from shared.sites.worker_record import CanaryLook, WorkerRecord
from shared.store.jobs.presence import Presence
from shared.wire.sites import SiteView

VERSION = "2.1.0"
SEEN_AT = datetime(2026, 12, 1, tzinfo=UTC)


def look(port: int, *, answers: bool) -> CanaryLook:
    """Return what a worker found of the canary with this port."""
    return CanaryLook.model_validate({"address": "10.0.0.1", "port": port, "answers": answers})


def record(**changes: object) -> WorkerRecord:
    """Return what a worker without any fault tells."""
    return WorkerRecord.model_validate({"queue": BULK, "version": VERSION, **changes})


def presence(*records: WorkerRecord, bulk: int = 1) -> Presence:
    """Return what was found of a site with these workers."""
    named = {f"w{number}": one for number, one in enumerate(records)}
    return Presence(3, 2, {INTERACTIVE: 1, BULK: bulk}, named, SEEN_AT)


def test_a_site_is_shown_as_its_operators_declared_it() -> None:
    """What a firewall must let in is their word, not that of a worker."""
    entry = SiteEntry.model_validate(
        {
            "name": "fra1",
            "title": "Frankfurt",
            "sealingPublicKey": new_key_pair()[1],
            "egress": ["203.0.113.7"],
        }
    )

    shown = SiteView.of(entry, presence(record()), VERSION)

    assert (shown.title, shown.egress) == ("Frankfurt", ("203.0.113.7",))
    assert (shown.waiting, shown.running, shown.last_seen) == (3, 2, SEEN_AT)
    assert (shown.versions, shown.notes) == ((VERSION,), ())


def test_canaries_are_counted_over_the_workers() -> None:
    """One that answers some workers only points at a network between them."""
    shown = SiteView.of(
        DEFAULT_ENTRY,
        presence(
            record(canaries=(look(1, answers=True), look(2, answers=False))),
            record(canaries=(look(1, answers=False), look(2, answers=True))),
        ),
        VERSION,
    )

    found = [(one.endpoint, one.answering, one.silent) for one in shown.canaries]
    assert found == [("10.0.0.1:1", 1, 1), ("10.0.0.1:2", 1, 1)]
    assert shown.notes == ()


@pytest.mark.parametrize(
    ("found", "code", "text"),
    [
        (presence(record(), bulk=0), "no_bulk_worker", "No worker for bulk tests is alive."),
        (
            presence(record(version="2.0.9"), record()),
            "other_version",
            "The API has version 2.1.0, workers have 2.0.9.",
        ),
        (
            presence(record(clockAheadS=-75.2), record(clockAheadS=3)),
            "clock_off",
            "The clock of worker w0 is 75 s behind that of Redis.",
        ),
        (
            presence(record(clockAheadS=3)),
            "clock_off",
            "The clock of worker w0 is 3 s ahead of that of Redis.",
        ),
        (
            presence(record(canaries=(look(1, answers=False),))),
            "canaries_silent",
            "No canary answers worker w0: its own network may be down.",
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_said(found: Presence, code: str, text: str) -> None:
    """Nobody compares versions and clocks of many sites by eye."""
    (note,) = SiteView.of(DEFAULT_ENTRY, found, VERSION).notes
    (chinese,) = SiteView.of(DEFAULT_ENTRY, found, VERSION, "zh-CN").notes

    assert (note.code, note.text) == (code, text)
    assert chinese.text.endswith("\u3002")


def test_a_site_can_not_make_the_answer_long() -> None:
    """Its workers are whoever has its password."""
    records = [
        record(version=f"1.{n}", canaries=[look(n * 16 + i + 1, answers=True) for i in range(16)])
        for n in range(500)
    ]

    shown = SiteView.of(DEFAULT_ENTRY, presence(*records), VERSION)

    assert len(shown.model_dump_json()) < 3000
