from collections.abc import Sequence

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import ClosedStatus, Entry, FoundCause, Queued, StepEnded, StepStarted
from shared.diagnosis.outcomes import Facts, Finding
from shared.diagnosis.report import Job
from shared.reporting.fold import fold
from shared.steps import StepName
from shared.store.batches.item_outcome import ItemOutcome, telling_item
from tests.shared.diagnosis.stories import (
    CLOCK_OFF,
    KNOWN,
    REFUSED,
    at,
    closed,
    queued,
    started,
    step,
)

LATE = Cause(
    code="dns.slow", owner="network", severity="warning", summary="Late", remedies=("Wait.",)
)


def ended(name: StepName, cause: Cause, found: Facts, known: Facts) -> tuple[Entry, Entry]:
    """Return a step that found `cause` with the facts `found`, and knew others before."""
    outcome = cause.severity
    causes = (FoundCause.of(Finding(cause, found), KNOWN),)
    end = StepEnded(at=at(3), step=name, outcome=outcome, took_ms=1, causes=causes, facts={**known})
    return StepStarted(at=at(2), step=name), end


def job(
    *steps: Sequence[Entry], status: ClosedStatus = "finished", begins: Queued | None = None
) -> Job:
    """Return a closed job that did `steps`."""
    entries = [entry for one in steps for entry in one]
    found = fold([begins or queued(), started(), *entries, closed(status)])
    assert found
    return found


def at_endpoint(endpoint: str) -> Queued:
    return queued().model_copy(update={"endpoint": endpoint})


def test_a_job_that_passed_counts_as_passed() -> None:
    """It has no cause to count, and nothing in common with those that failed."""
    found = ItemOutcome.of([3], job(step("dns_lookup"), step("tcp_connect")))

    assert found[:4] == ([3], "p", "", ())


def test_a_warning_is_a_pass_with_a_cause() -> None:
    """Whoever asks which platforms have a wrong clock wants a list of them."""
    found = ItemOutcome.of([3], job(step("dns_lookup"), step("product_identify", CLOCK_OFF)))

    assert found[:4] == ([3], "o", "api.clock_off", ())


def test_a_failure_counts_with_what_it_may_have_in_common() -> None:
    """Fifty platforms behind one dead address are one fault, not fifty."""
    found = ItemOutcome.of([3], job(step("dns_lookup"), step("tcp_connect", REFUSED)))

    assert found[:4] == ([3], "f", "tcp.refused", ["address=192.0.2.7", "host=db.example.com"])


def test_a_job_counts_with_the_time_of_all_its_steps() -> None:
    """Results are sorted by it; a job without a step took no time, which is not 0 ms."""
    assert ItemOutcome.of([3], job(step("dns_lookup"), step("tcp_connect"))).took_ms == 3.0
    assert ItemOutcome.of([3], job(status="expired")).took_ms is None


def test_equal_items_are_settled_together() -> None:
    """They were tested once."""
    assert ItemOutcome.of([3, 5, 8], job(step("dns_lookup"))).indexes == [3, 5, 8]


@pytest.mark.parametrize(
    ("status", "letter"), [("cancelled", "c"), ("expired", "e"), ("lost", "l")]
)
def test_a_job_without_a_verdict_counts_as_what_ended_it(status: ClosedStatus, letter: str) -> None:
    """Nobody may read it as a platform that failed."""
    assert ItemOutcome.of([0], job(step("dns_lookup"), status=status)).letter == letter


def test_a_failure_of_a_cancelled_job_is_still_its_cause() -> None:
    """It was found before anybody cancelled."""
    found = ItemOutcome.of([0], job(step("tcp_connect", REFUSED), status="cancelled"))

    assert (found.letter, found.cause, found.facts) == ("c", "tcp.refused", ())


def test_a_lost_job_counts_with_the_step_at_which_its_worker_died() -> None:
    """The host that kills workers must be found among fifty thousand."""
    found = ItemOutcome.of([0], job(step("tcp_connect")[:1], status="lost"))

    assert (found.letter, found.cause) == ("l", "self.worker_lost")
    assert "host=db.example.com" in found.facts


def test_what_failed_says_more_than_a_warning_before_it() -> None:
    """An old certificate is not why a port is closed."""
    warned, failed = step("dns_lookup", CLOCK_OFF), step("tcp_connect", REFUSED)

    told = telling_item(job(warned, failed))

    assert told
    assert told.name == "tcp_connect"
    assert ItemOutcome.of([0], job(warned, failed)).cause == "tcp.refused"


def test_the_first_of_two_warnings_is_told() -> None:
    """A list has one cause an item."""
    told = telling_item(
        job(
            step("dns_lookup", LATE, facts={"took_s": 2.0, "name_servers": ("192.0.2.53",)}),
            step("product_identify", CLOCK_OFF),
        )
    )

    assert told
    assert told.cause == "dns.slow"


def test_nothing_is_told_of_a_job_without_a_cause() -> None:
    """There is nothing to say of it."""
    assert telling_item(job(step("dns_lookup"))) is None


def test_only_what_platforms_share_is_a_shared_fact() -> None:
    """Text of a platform would fill Redis, and numbers of errors are shared by chance."""
    found: Facts = {
        "errno": 111,
        "issuer": "CN=Old CA",
        "proxy": True,
        "body": "text",
        "host": "db",
        "where": "db",
    }
    steps = ended("tls_handshake", REFUSED, found, {"address": ("192.0.2.7", "192.0.2.8")})

    facts = ItemOutcome.of([0], job(steps)).facts

    assert facts == ["host=db", "host=db.example.com", "issuer=CN=Old CA"]


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://db.example.com:8443", "db.example.com"),
        ("https://[2001:db8::1]:443", "[2001:db8::1]"),
        ("https://db.example.com:5000/identity/v3", "db.example.com"),
    ],
)
def test_the_host_is_that_of_the_endpoint(endpoint: str, host: str) -> None:
    """A job that failed before its first step has no other fact."""
    lost = job(step("dns_lookup")[:1], status="lost", begins=at_endpoint(endpoint))

    assert ItemOutcome.of([0], lost).facts == [f"host={host}"]
