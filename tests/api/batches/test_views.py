from datetime import UTC, datetime, timedelta

import pytest

from api.batches.views import cause_group, counts, pace, shared_fact
from shared.diagnosis.causes import Cause
from shared.diagnosis.report import Job
from shared.reporting.fold import fold
from shared.store.batches.batch import BatchProgress, CauseCount, RejectedRow
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.letters import LETTERS
from shared.wire.batches import STANDINGS, batch_url, result
from shared.wire.uploads import RowError
from tests.shared.diagnosis.stories import (
    CLOCK_OFF,
    REFUSED,
    REFUSED_REMEDY,
    at,
    closed,
    queued,
    started,
    step,
)
from tests.shared.store.batches.batches import BATCH, a_batch, new_item

NOW = datetime.now(UTC)
ITEM = new_item(3).item
JOB = job_id_of(BATCH, 3)


def progress(
    letters: str,
    began_s_ago: float | None = None,
    finished_s_ago: float | None = None,
    *,
    waiting_at_work: int = 0,
) -> BatchProgress:
    """Return how far a batch is."""
    began_at, finished_at = (
        None if age_s is None else NOW - timedelta(seconds=age_s)
        for age_s in (began_s_ago, finished_s_ago)
    )
    number = {letter: letters.count(letter) for letter in LETTERS}
    return BatchProgress(a_batch(len(letters)), began_at, finished_at, number, waiting_at_work)


def job(cause: Cause | None = None) -> Job:
    """Return a job that finished with `cause`."""
    steps = (*step("dns_lookup"), *step("tcp_connect", cause, took_ms=2.5))
    found = fold([queued(), started(), *steps, closed()])
    assert found
    return found


def test_counts_add_up_to_the_total() -> None:
    """A sum that does not is one that nobody believes."""
    letters = "qqqwwpppoofffcel"

    found = counts(progress(letters))

    assert found == {
        "queued": 3,
        "running": 2,
        "passed": 5,
        "warnings": 2,
        "failed": 3,
        "cancelled": 1,
        "expired": 1,
        "lost": 1,
    }
    assert sum(found.values()) - found["warnings"] == len(letters)


def test_what_stands_in_the_queue_counts_as_queued() -> None:
    """Handed out is not begun; a batch without workers would look as if it ran."""
    found = counts(progress("qwww", waiting_at_work=2))

    assert (found["queued"], found["running"]) == (3, 1)


def test_a_batch_that_has_ended_nothing_has_no_pace() -> None:
    """A guess from nothing would be shown as a promise."""
    assert pace(progress("qqqq"), 4, NOW) == (None, None)
    assert pace(progress("wwqq", began_s_ago=10), 4, NOW) == (None, None)


def test_the_end_is_estimated_by_the_pace_so_far() -> None:
    """Who waits wants to know whether to get a coffee or to go home."""
    assert pace(progress("ppqq", began_s_ago=10), 2, NOW) == (0.2, NOW + timedelta(seconds=10))


def test_the_pace_of_a_finished_batch_stays() -> None:
    """It must not slow down while it lies there."""
    rate, ends_at = pace(progress("pppp", began_s_ago=3610, finished_s_ago=3600), 0, NOW)

    assert rate == pytest.approx(0.4)
    assert ends_at is None


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    """Two machines write the times, and their clocks differ."""
    assert pace(progress("pppp", began_s_ago=1, finished_s_ago=2), 0, NOW) == (None, None)


@pytest.mark.parametrize(("letter", "outcome"), [("o", "warning"), ("f", "failed")])
def test_a_cause_is_shown_with_how_much_it_weighs(letter: str, outcome: str) -> None:
    """312 old certificates are one thing, 312 closed ports another."""
    shown = cause_group(4, CauseCount("tls.expired", 312, [3], letter), [ITEM], [JOB])

    assert shown.outcome == outcome
    assert shown.text == "312 of 4: tls.expired"
    (example,) = shown.examples
    assert (example.index, example.name, example.ref) == (3, "name-3", "ref-3")
    assert (example.endpoint, example.job_id) == (ITEM.endpoint, JOB)


@pytest.mark.parametrize(
    ("text", "fact", "value"),
    [
        ("host=db.example.com", "host", "db.example.com"),
        ("issuer=CN=Old CA, O=We", "issuer", "CN=Old CA, O=We"),
    ],
)
def test_a_shared_fact_is_shown_with_its_value(text: str, fact: str, value: str) -> None:
    """An issuer has equals signs of its own."""
    shown = shared_fact(text, 17)

    assert (shown.fact, shown.value, shown.count) == (fact, value, 17)
    assert shown.text == f"17 with {fact} {value}"


def test_an_item_that_waits_is_shown_by_what_was_sent_of_it() -> None:
    """There is no job yet to link to."""
    shown = result(3, "q", ITEM, JOB, None)

    assert (shown.index, shown.name, shown.ref) == (3, "name-3", "ref-3")
    assert (shown.product_type, shown.endpoint) == ("zstack", ITEM.endpoint)
    assert shown.status == "queued"
    assert (shown.outcome, shown.job_id, shown.status_url) == (None, None, None)


@pytest.mark.parametrize(("letter", "standing"), STANDINGS.items())
def test_an_item_whose_job_is_gone_keeps_how_it_ended(letter: str, standing: str) -> None:
    """Its counts are still there, and so must its row be."""
    shown = result(3, letter, ITEM, JOB, None)

    assert shown.status == standing
    assert shown.cause is None


def test_an_item_in_the_queue_is_shown_as_queued() -> None:
    """It was handed out, and no worker has begun it."""
    waiting = fold([queued()])
    assert waiting

    assert result(3, "w", ITEM, JOB, waiting).status == "queued"
    assert result(3, "w", ITEM, JOB, job()).status == "running"


def test_a_failed_item_is_shown_with_why_and_what_to_do() -> None:
    """A list of failures is what a batch is made for."""
    shown = result(3, "f", ITEM, JOB, job(REFUSED))

    assert (shown.status, shown.outcome) == ("failed", "failed")
    assert (shown.step, shown.cause, shown.owner) == ("tcp_connect", "tcp.refused", "platform")
    assert shown.field == "endpoint"
    assert shown.error_msg == "db.example.com refused the connection on port 8443"
    assert shown.doc_url == "/docs/causes/tcp.refused"
    assert shown.recommendation == REFUSED_REMEDY
    assert (shown.took_ms, shown.queue_ms) == (4.0, 1000.0)
    assert shown.finished_at == at(9)
    assert shown.job_id == JOB
    assert str(shown.status_url).endswith(f"/jobs/{JOB}")


def test_a_warning_is_a_pass_with_a_cause() -> None:
    """Nobody has to be woken for it."""
    shown = result(3, "o", ITEM, JOB, job(CLOCK_OFF))

    assert (shown.status, shown.outcome, shown.cause) == ("passed", "warning", "api.clock_off")
    assert shown.error_msg == ""


def test_a_passed_item_has_no_cause() -> None:
    """There is nothing to do."""
    shown = result(3, "p", ITEM, JOB, job())

    assert (shown.status, shown.outcome) == ("passed", "passed")
    assert (shown.step, shown.cause, shown.recommendation) == (None, None, "")


@pytest.mark.parametrize("letter", ["c", "e", "l"])
def test_an_item_without_a_verdict_has_no_outcome(letter: str) -> None:
    """The state of its platform is unknown."""
    ended = fold([queued(), closed("cancelled")])
    assert ended

    shown = result(3, letter, ITEM, JOB, ended)

    assert shown.outcome is None
    assert shown.recommendation
    assert shown.took_ms is None


def test_rejected_rows_are_shown_as_they_were_told() -> None:
    """They are mended by their places."""
    shown = RowError.of([RejectedRow("line 2", "endpoint", "is required")])

    assert [(one.place, one.field, one.reason) for one in shown] == [
        ("line 2", "endpoint", "is required")
    ]


def test_a_batch_has_an_address() -> None:
    """Its caller need not build it from the id."""
    assert batch_url(BATCH).endswith(f"/batches/{BATCH}")


def test_a_duration_is_written_to_the_microsecond() -> None:
    """0.1 + 0.2 ms is 0.30000000000000004 ms in a table of results."""
    steps = (*step("dns_lookup", took_ms=0.1), *step("tcp_connect", took_ms=0.2))

    ended = fold([queued(), started(), *steps, closed()])

    assert result(3, "p", ITEM, JOB, ended).took_ms == 0.3


def test_a_letter_of_a_newer_version_counts_as_an_unknown_outcome() -> None:
    """The counts must add up to the total in every version."""
    shown = counts(progress("qwp?"))

    assert (shown["lost"], sum(shown.values())) == (1, 4)
    assert result(3, "?", ITEM, JOB, None).status == "lost"
