from collections.abc import Mapping

import pytest

from shared.comparison.record import Comparison, Part, SignIn, Standing, WhyNot
from shared.comparison.turns import Turns, may_have_failed_to_sign_in, next_turns
from shared.diagnosis.entries import ClosedStatus
from shared.diagnosis.report import Job
from shared.reporting.fold import fold
from tests.shared.comparison.sites import SiteJob, cause_of, not_started
from tests.shared.diagnosis.stories import at, queued, started

SITES = ("default", "fra1", "sin1")


def part(site: str) -> Part:
    return Part(site=site, job_id=site, signs_in=True)


def standing(
    sign_in: SignIn,
    jobs: Mapping[str, Job],
    left_out: Mapping[str, WhyNot] | None = None,
    *,
    is_cancelled: bool = False,
) -> Standing:
    """Return how a comparison of SITES stands."""
    comparison = Comparison(
        tenant="alice",
        product_type="zstack",
        endpoint="https://db.example.com:8443",
        sign_in=sign_in,
        steps=(),
        created_at=at(0),
        start_by=at(60),
        parts=tuple(map(part, SITES)),
    )
    return Standing(comparison, jobs, left_out or {}, is_cancelled)


def sites_of(turns: Turns) -> list[str]:
    return [one.site for one in turns.begin]


def running() -> Job:
    job = fold([queued(), started()])
    assert job
    return job


def test_all_sites_are_asked_at_once_where_one_signs_in() -> None:
    """Nothing has to be waited for."""
    assert sites_of(next_turns(standing("first", {}))) == list(SITES)
    assert sites_of(next_turns(standing("first", {"fra1": running()}, {"sin1": "no_worker"}))) == [
        "default"
    ]


def test_one_site_after_the_other_signs_in() -> None:
    """Two wrong sign-ins at once can be one too many."""
    assert sites_of(next_turns(standing("all", {}))) == ["default"]
    assert next_turns(standing("all", {"default": running()})) == Turns()
    assert sites_of(next_turns(standing("all", {"default": SiteJob().job()}))) == ["fra1"]


def test_a_site_that_was_left_out_is_passed_over() -> None:
    """One without workers must not hold up the others."""
    left_out: Mapping[str, WhyNot] = {"default": "no_worker"}

    assert sites_of(next_turns(standing("all", {}, left_out))) == ["fra1"]


def test_no_site_is_asked_after_a_sign_in_that_failed() -> None:
    """The account would be locked by a test of the network."""
    rejected = SiteJob().failing("authenticate", "auth.invalid_credentials").job()

    turns = next_turns(standing("all", {"default": SiteJob().job(), "fra1": rejected}))

    assert turns == Turns(leave_out={"sin1": "sign_in_failed"})


def test_a_site_that_never_came_to_the_sign_in_stops_nobody() -> None:
    """It is what the comparison is for."""
    jobs = {
        "default": SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job(),
        "fra1": not_started("expired"),
    }

    assert sites_of(next_turns(standing("all", jobs))) == ["sin1"]


@pytest.mark.parametrize("sign_in", ["first", "all"])
def test_nobody_is_asked_once_it_is_cancelled(sign_in: SignIn) -> None:
    """Whoever has cancelled expects no further sign-in."""
    turns = next_turns(standing(sign_in, {"default": running()}, is_cancelled=True))

    assert turns == Turns(leave_out={"fra1": "cancelled", "sin1": "cancelled"})


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_sign_in_that_may_have_begun_counts_as_failed(status: ClosedStatus) -> None:
    """The platform may have seen it, and nobody knows what it made of it."""
    assert may_have_failed_to_sign_in(SiteJob("product_identify").job(status))
    assert not may_have_failed_to_sign_in(SiteJob("tcp_connect").job(status))
    assert not may_have_failed_to_sign_in(SiteJob("product_identify").job())


def test_a_key_pair_that_was_withheld_counts_as_failed() -> None:
    """Another site would present it, and the platform has rejected it a moment before."""
    withheld = (cause_of("auth.invalid_credentials"), cause_of("policy.just_rejected"))

    assert may_have_failed_to_sign_in(SiteJob().finding("authenticate", *withheld).job())


def test_it_is_over_when_each_site_is_settled() -> None:
    """One that has not been asked yet is to come."""
    done = SiteJob().job()

    assert not standing("all", {"default": done, "fra1": done}).is_over
    assert not standing("all", {"default": done, "fra1": running()}, {"sin1": "late"}).is_over
    assert standing("all", {"default": done, "fra1": done}, {"sin1": "no_worker"}).is_over
