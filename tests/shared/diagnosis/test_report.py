import json
from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import (
    ClosedStatus,
    Entry,
    FoundCause,
    StepEnded,
    StepNoted,
    Unread,
)
from shared.diagnosis.outcomes import Fact, Finding
from shared.diagnosis.report import WORKER_LOST, Job
from shared.platform.answers.intermediaries import HTTP_429_RATE_LIMITED
from shared.reporting.fold import fold
from shared.steps import StepName, steps_for
from tests.shared.diagnosis.stories import (
    CLOCK_OFF,
    CLOCK_REMEDY,
    CLOCK_SUMMARY,
    FACTS,
    KNOWN,
    REFUSED,
    REFUSED_REMEDY,
    at,
    closed,
    queued,
    requeued,
    started,
    step,
)


def job_of(*entries: Entry) -> Job:
    """Return what the entries tell."""
    job = fold(entries)
    assert job is not None
    return job


def test_no_entries_tell_of_no_job() -> None:
    """An expired job is one that there is no more, not an empty one."""
    assert fold([]) is None


def test_a_queued_job_has_all_its_steps_before_it() -> None:
    """A caller who looks at once must see that it was accepted."""
    job = job_of(queued())

    assert (job.status, job.success, job.items) == ("queued", None, ())
    assert job.steps_to_come == steps_for("http")
    assert not job.is_closed
    assert (job.queue_ms, job.started_at, job.finished_at) == (None, None, None)
    assert job.created_at == queued().at


def test_a_running_job_shows_what_is_done_and_what_is_to_come() -> None:
    """Progress is shown while it happens."""
    job = job_of(queued(), started(second=1), *step("dns_lookup"), step("tcp_connect")[0])

    assert (job.status, job.success) == ("running", None)
    assert [item.name for item in job.items] == ["dns_lookup"]
    assert job.steps_to_come == steps_for("http")[1:]
    assert job.queue_ms == 1000


def test_a_job_that_passed_says_so_and_recommends_nothing() -> None:
    """There is nothing to do."""
    job = job_of(queued(), started(), *step("dns_lookup"), *step("tcp_connect"), closed())

    assert (job.status, job.success, job.recommendation) == ("finished", True, "")
    assert job.is_closed
    assert job.steps_to_come == ()
    assert [item.status for item in job.made] == ["success", "success"]
    assert {item.error_msg for item in job.items} == {""}
    assert job.items[0].evidence == {"address": "192.0.2.7"}


def test_a_job_that_failed_ends_with_the_failed_step_and_its_first_remedy() -> None:
    """The caller reads two things: what failed, and what to do."""
    failing = step("tcp_connect", REFUSED)

    job = job_of(queued(), started(), *step("dns_lookup"), *failing, closed())

    failed = job.made[-1]
    assert job.success is False
    assert (failed.name, failed.status) == ("tcp_connect", "failure")
    assert failed.error_msg == "db.example.com refused the connection on port 8443"
    assert (failed.cause, failed.owner, failed.field) == ("tcp.refused", "platform", "endpoint")
    assert failed.evidence == {"address": "192.0.2.7", **FACTS[REFUSED.code]}
    assert failed.doc_url == "/docs/causes/tcp.refused"
    assert failed.remedies == (REFUSED_REMEDY,)
    assert job.recommendation == REFUSED_REMEDY


def test_a_warning_does_not_fail_the_job_but_is_recommended() -> None:
    """A clock that is off today is a failed sign-in tomorrow."""
    job = job_of(queued(), started(), *step("product_identify", CLOCK_OFF), closed())

    (item,) = job.made
    assert (job.success, item.status, item.outcome) == (True, "success", "warning")
    assert item.error_msg == ""
    assert item.cause == "api.clock_off"
    assert job.recommendation == CLOCK_REMEDY


def test_a_failure_is_recommended_before_a_warning() -> None:
    """First what stops the work."""
    warned, failing = step("product_identify", CLOCK_OFF), step("authenticate", REFUSED)

    job = job_of(queued(), started(), *warned, *failing, closed())

    assert job.recommendation == REFUSED_REMEDY


def test_the_steps_that_were_not_made_are_told_with_the_reason() -> None:
    """Whoever counts the steps of a closed job finds them all."""
    failing = step("tcp_connect", REFUSED)

    job = job_of(queued(), started(), *step("dns_lookup"), *failing, closed())

    assert tuple(item.name for item in job.items) == steps_for("http")
    skipped = job.items[2:]
    assert {(i.status, i.outcome, i.latency_ms, i.took_ms) for i in skipped} == {
        ("skipped", "skipped", "0", 0)
    }
    assert {(i.summary, i.error_msg, i.cause) for i in skipped} == {
        ("tcp_connect failed", "", None)
    }
    assert {i.started_at for i in skipped} == {closed().at}
    assert {i.summary for i in job.in_language("zh-CN").items[2:]} == {"tcp_connect 失败"}
    assert job.took_ms == 3.0


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("cancelled", "The test was cancelled"),
        ("expired", "The test waited too long"),
        ("lost", "The outcome of the test is unknown"),
        ("finished", "The worker does not have this step"),
    ],
)
def test_steps_are_not_made_for_other_reasons_too(status: ClosedStatus, why: str) -> None:
    """A job without any step has no verdict for it, and took no time."""
    job = job_of(queued(), started(), closed(status))

    assert {item.summary for item in job.items} == {why}
    assert (job.success, job.made, job.took_ms) == (False, (), None)
    assert job.has_verdict is (status == "finished")


def test_a_step_at_which_the_worker_died_has_not_failed_for_the_next_ones() -> None:
    """Its outcome is unknown."""
    job = job_of(queued(), started(), step("dns_lookup")[0], closed("lost"))

    assert {item.summary for item in job.items[1:]} == {"The outcome of the test is unknown"}


def test_steps_that_were_not_made_do_not_make_a_success_a_failure() -> None:
    """An older worker has fewer steps, and passed all of them."""
    job = job_of(queued(), started(), *step("dns_lookup"), closed())

    assert job.success is True
    assert {item.outcome for item in job.items[1:]} == {"skipped"}


def noted(cause: Cause | None = CLOCK_OFF) -> StepNoted:
    """Return what became known later about tcp_connect."""
    causes = (
        (FoundCause.of(Finding(cause, {**FACTS[cause.code], "errno": 1}), KNOWN),) if cause else ()
    )
    facts: dict[str, Fact] = {"accepting": ("192.0.2.7",)}
    return StepNoted(at=at(8), step="tcp_connect", causes=causes, facts=facts)


def test_what_becomes_known_later_is_a_warning_of_its_step() -> None:
    """The step has passed, and stays so."""
    steps = (*step("tcp_connect"), *step("authenticate"))
    job = job_of(queued(), started(), *steps, noted(), closed())

    item = job.items[0]
    assert (job.success, item.status, item.outcome) == (True, "success", "warning")
    assert (item.cause, item.summary) == ("api.clock_off", CLOCK_SUMMARY)
    assert item.evidence["accepting"] == ("192.0.2.7",)


def test_what_becomes_known_later_makes_no_verdict() -> None:
    """A step that failed keeps its cause, and one of which all is well is no warning."""
    failed = job_of(queued(), started(), *step("tcp_connect", REFUSED), noted(), closed())
    fine = job_of(queued(), started(), *step("tcp_connect"), noted(None), closed())

    assert (failed.items[0].outcome, failed.items[0].cause) == ("failed", "tcp.refused")
    assert [one.cause for one in failed.items[0].contributing] == ["api.clock_off"]
    assert fine.items[0].outcome == "passed"


def test_what_becomes_known_later_replaces_what_was_said_of_it() -> None:
    """Two counts of the same addresses would contradict each other."""
    job = job_of(queued(), started(), *step("tcp_connect", CLOCK_OFF), noted(), closed())

    assert job.items[0].contributing == ()
    assert job.items[0].evidence["errno"] == 1


@pytest.mark.parametrize("status", ["cancelled", "expired", "lost"])
def test_a_job_without_a_verdict_is_no_success_and_says_why(status: ClosedStatus) -> None:
    """Steps that passed before a worker died prove nothing of those that never ran."""
    job = job_of(queued(), started(), *step("dns_lookup"), closed(status))

    assert (job.status, job.success) == (status, False)
    assert job.is_closed
    assert "again" in job.recommendation


def test_a_job_that_waited_for_its_tenants_other_tests_says_so() -> None:
    """More workers would not have helped, nor would trying again at once."""
    over = closed("expired").model_copy(update={"waited_for": "share"})
    job = job_of(queued(), over)

    assert (job.status, job.success) == ("expired", False)
    assert "other tests of its tenant" in job.recommendation
    assert "其他测试" in job.in_language("zh-CN").recommendation


def test_a_step_at_which_the_worker_died_is_reported_as_broken_off() -> None:
    """The caller has to know that the platform may have seen a sign-in."""
    story = [queued(), started(), *step("tcp_connect"), step("authenticate")[0], requeued()]

    job = job_of(*story, closed("lost"))

    broken = job.made[-1]
    assert [item.name for item in job.made] == ["tcp_connect", "authenticate"]
    assert (broken.status, broken.cause) == ("failure", WORKER_LOST.code)
    assert "authenticate" in broken.error_msg
    assert job.success is False


@pytest.mark.parametrize("offset_ms", [3.1, 1001.1, 0.3])
def test_times_are_told_as_exact_as_they_are_measured(offset_ms: float) -> None:
    """3.0999999999999996 ms in a table is a number that nobody has measured."""
    begun, _ = step("tcp_connect")
    later = begun.at + timedelta(milliseconds=offset_ms)
    job = job_of(
        queued(),
        started().model_copy(update={"at": queued().at + timedelta(milliseconds=offset_ms)}),
        *step("dns_lookup", took_ms=0.1),
        begun,
        closed("lost").model_copy(update={"at": later}),
    )

    assert job.made[-1].took_ms == offset_ms
    assert job.queue_ms == offset_ms
    assert job.took_ms == round(offset_ms + 0.1, 3)
    assert len(str(job.took_ms).partition(".")[2]) <= 3


@pytest.mark.parametrize("off_s", [-3600, 3600])
def test_a_worker_whose_clock_is_off_puts_no_moment_before_another(off_s: float) -> None:
    """A site's clock is not ours, and a caller computes durations from what is told."""
    in_time = [started(), *step("dns_lookup"), step("tcp_connect", took_ms=50)[1]]
    moved = [
        entry.model_copy(update={"at": entry.at + timedelta(seconds=off_s)}) for entry in in_time
    ]

    job = fold([queued(), *moved, closed("cancelled")])

    assert job
    assert job.started_at
    assert job.finished_at
    assert job.created_at <= job.started_at <= job.finished_at
    assert job.queue_ms is not None
    assert job.queue_ms >= 0
    assert all(item.started_at >= job.started_at for item in job.items)


def test_no_job_starts_before_it_was_created_whatever_the_clocks_say() -> None:
    """The moments of a job are written by machines whose clocks differ."""
    job = job_of(queued(), started(second=-2), *step("dns_lookup"), closed(second=-1))

    assert job.created_at == job.started_at == job.finished_at
    assert job.queue_ms == 0


def test_a_second_run_replaces_the_results_of_the_first() -> None:
    """Half of one run and half of another is the truth about neither."""
    first = [started(worker="w1"), *step("dns_lookup"), *step("tcp_connect", REFUSED), requeued()]
    second = [started(second=6, worker="w2"), *step("dns_lookup", took_ms=7)]

    job = job_of(queued(), *first, *second, closed())

    assert [(item.name, item.took_ms) for item in job.made] == [("dns_lookup", 7)]
    assert job.success is True
    assert job.queue_ms == 6000


def test_a_job_whose_worker_died_waits_again_with_nothing_done() -> None:
    """What a dead worker found out is not the answer; the next one begins anew."""
    job = job_of(queued(), started(), *step("dns_lookup"), requeued())

    assert (job.status, job.success, job.items) == ("queued", None, ())
    assert job.steps_to_come == steps_for("http")
    assert (job.started_at, job.queue_ms) == (None, None)


def test_what_comes_after_the_first_end_is_ignored() -> None:
    """An answer that was given must not change afterwards."""
    story = [queued(), started(), *step("dns_lookup"), closed("cancelled")]

    late = [started(second=10), *step("tcp_connect", REFUSED), closed("finished", second=11)]

    assert fold([*story, *late]) == fold(story)


@pytest.mark.parametrize(
    ("took_ms", "latency"), [(0, "0"), (0.4, "0"), (3.14, "3"), (45.6, "46"), (30000.2, "30000")]
)
def test_latency_is_a_text_of_whole_milliseconds(took_ms: float, latency: str) -> None:
    """The document says String; its example is 45."""
    job = job_of(queued(), started(), *step("dns_lookup", took_ms=took_ms), closed())

    assert job.items[0].latency_ms == latency


def test_the_answer_has_the_documented_fields_and_no_others() -> None:
    """Clients of the documented call were written against this very shape."""
    failing = step("tcp_connect", REFUSED, took_ms=3.1)

    answer = job_of(queued(), started(), *step("dns_lookup"), *failing, closed()).answer()

    assert json.loads(answer.model_dump_json(by_alias=True)) == {
        "success": False,
        "items": [
            {"name": "dns_lookup", "status": "success", "latencyMs": "2", "errorMsg": ""},
            {
                "name": "tcp_connect",
                "status": "failure",
                "latencyMs": "3",
                "errorMsg": "db.example.com refused the connection on port 8443",
            },
        ],
        "recommendation": REFUSED_REMEDY,
    }


def test_the_tenant_of_a_job_is_not_shown() -> None:
    """It is there to check who may read the job, not for the reader."""
    assert "tenant" not in job_of(queued()).model_dump()


_STEPS = st.builds(
    step,
    st.sampled_from(get_args(StepName)),
    st.sampled_from([None, REFUSED, CLOCK_OFF]),
    st.floats(0, 1e9),
)
_STARTS = st.builds(started, st.integers(1, 9)).map(lambda entry: (entry,))
_REQUEUES = st.just((requeued(),))
_ENDS = st.builds(closed, st.sampled_from(get_args(ClosedStatus))).map(lambda entry: (entry,))
STORIES = st.lists(_STEPS | _STARTS | _REQUEUES | _ENDS, max_size=12).map(
    lambda parts: [queued(), *(entry for part in parts for entry in part)]
)


@given(STORIES)
def test_a_closed_job_stays_as_it_is_whatever_is_written_after(story: Sequence[Entry]) -> None:
    """Readers look at any moment of any story: none may raise, and no verdict may change."""
    verdict: Job | None = None
    for length in range(1, len(story) + 1):
        job = job_of(*story[:length])
        assert verdict is None or job == verdict
        verdict = job if job.is_closed else None


@given(STORIES)
def test_folding_the_same_story_again_gives_the_same_job(story: list[Entry]) -> None:
    """Every face of the service folds for itself."""
    before = list(story)

    assert fold(iter(story)) == fold(story)
    assert story == before


def test_a_job_can_be_told_in_another_language() -> None:
    """The users of the documented call read Chinese as well."""
    failing = step("http_response", HTTP_429_RATE_LIMITED)
    lost = job_of(queued(), started(), *failing, closed()).in_language("zh-CN")

    failed = lost.made[-1]
    assert failed.error_msg == failed.summary
    assert "db.example.com" in failed.summary
    assert not failed.summary.isascii()
    assert len(failed.remedies) >= 1
    assert lost.recommendation == failed.remedies[0]


def test_what_contributes_stands_beside_the_cause() -> None:
    """A certificate can have expired and be for another name as well."""
    begun, ended = step("tcp_connect", REFUSED)
    assert isinstance(ended, StepEnded)
    other = FoundCause.of(Finding(CLOCK_OFF, FACTS[CLOCK_OFF.code]), KNOWN)
    both = ended.model_copy(update={"causes": (*ended.causes, other)})

    (item,) = job_of(queued(), started(), begun, both, closed()).made
    assert item.cause == REFUSED.code
    assert [one.cause for one in item.contributing] == [CLOCK_OFF.code]
    assert item.contributing[0].summary == CLOCK_SUMMARY


def test_what_a_newer_worker_adds_is_passed_over() -> None:
    """Workers are upgraded before the API, and it shows what their results mean to it."""
    known = [queued(), started(), *step("dns_lookup"), closed()]
    newer = [*known[:3], Unread(at=at(2), kind="paused"), *known[3:]]

    assert fold(newer) == fold(known)


@pytest.mark.parametrize("kind", ["step_ended", ""])
def test_a_job_with_an_unreadable_part_has_an_unknown_outcome(kind: str) -> None:
    """That part may be the failure: a job that failed must not be shown as passed."""
    job = fold([queued(), started(), *step("dns_lookup"), Unread(at=at(4), kind=kind), closed()])

    assert job
    assert (job.status, job.success) == ("lost", False)
    assert [item.name for item in job.made] == ["dns_lookup"]


def test_a_step_whose_beginning_is_unreadable_began_as_long_before_its_end_as_it_took() -> None:
    """A gap in the story must not keep anyone from reading the rest."""
    _, ended = step("tcp_connect", REFUSED, took_ms=1000)

    job = fold([queued(), started(), ended, closed()])

    assert job
    assert [item.started_at for item in job.made] == [at(2)]
