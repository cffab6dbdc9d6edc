# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.comparison.record import Comparison, Part, Standing, WhyNot
from shared.diagnosis.report import Job
from shared.diagnosis.translations import Language
from shared.reporting.fold import fold
from shared.steps import STEPS, StepName, steps_for
from shared.wire.comparison_view import comparison_view
from shared.wire.comparisons import ComparedResult, ComparisonView
from tests.shared.comparison.sites import SiteJob
from tests.shared.diagnosis.stories import at, queued, started

TTL_S = 600
SITES = ("default", "fra1")


def shown(
    jobs: Mapping[str, Job],
    left_out: Mapping[str, WhyNot] | None = None,
    language: Language = "en",
    *,
    endpoint: str = "https://db.example.com:8443",
    is_cancelled: bool = False,
) -> ComparisonView:
    """Return how a comparison of SITES is shown, of which the first signs in."""
    comparison = Comparison(
        tenant="alice",
        product_type="zstack",
        endpoint=endpoint,
        sign_in="first",
        steps=steps_for("https"),
        created_at=at(0),
        start_by=at(60),
        parts=tuple(Part(site=s, job_id=f"job-{s}", signs_in=s == "default") for s in SITES),
    )
    standing = Standing(comparison, jobs, left_out or {}, is_cancelled)
    return comparison_view("c1", standing, TTL_S, {"fra1": ["203.0.113.7"]}, language)


def cell(view: ComparisonView, step: StepName, site: str) -> ComparedResult:
    (row,) = (one for one in view.steps if one.name == step)
    return row.results[SITES.index(site)]


def test_a_finished_comparison_is_a_row_a_step_and_a_column_a_site() -> None:
    """It is read like a table: where do the columns part?"""
    failing = SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job()

    view = shown({"default": SiteJob().job(), "fra1": failing})

    assert view.status == "finished"
    assert [row.name for row in view.steps] == [s for s in STEPS if s in steps_for("https")]
    assert [(one.site, one.outcome, one.job_id) for one in view.sites] == [
        ("default", "passed", "job-default"),
        ("fra1", "failed", "job-fra1"),
    ]
    failed = cell(view, "tcp_connect", "fra1")
    assert (failed.outcome, failed.cause, failed.differs) == (
        "failed",
        "tcp.timeout_filtered",
        True,
    )
    assert cell(view, "tls_handshake", "fra1").outcome == "skipped"
    assert [row.name for row in view.steps if row.differs] == ["tcp_connect"]


def test_the_differences_are_told_with_both_ends() -> None:
    """The address to allow is what the network team asks for."""
    failing = SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job()

    (english,) = shown({"default": SiteJob().job(), "fra1": failing}).differences
    jobs = {"default": SiteJob().job(), "fra1": failing}
    (chinese,) = shown(jobs, language="zh-CN").differences

    assert english.code == "sites.unreachable_from"
    assert english.doc_url == "/docs/causes/sites.unreachable_from"
    assert "203.0.113.7 (fra1)" in english.remedies[0]
    assert english.sides[0].sites == ("fra1",)
    assert (
        chinese.summary
        == "从 fra1 执行 tcp_connect 失败（tcp.timeout_filtered）；从 default 该步骤通过"
    )


@pytest.mark.parametrize("endpoint", ["192.0.2.7:22", "db.example.com:22", "[2001:db8::7]:22"])
def test_the_port_of_an_endpoint_without_scheme_is_told(endpoint: str) -> None:
    """A rule for 80/tcp would not let the test of 22/tcp through."""
    failing = SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job()

    view = shown({"default": SiteJob().job(), "fra1": failing}, endpoint=endpoint)

    assert "on 22/tcp" in view.differences[0].remedies[0]


def test_a_wrong_key_pair_is_not_for_the_platforms_administrator() -> None:
    """Whether all sites fail alike or the others were not asked, who can fix it is the same."""
    rejected = SiteJob().failing("authenticate", "auth.invalid_credentials").job()
    unasked = SiteJob("product_identify").job()

    (alike,) = shown({"default": rejected, "fra1": rejected}).differences
    (alone,) = shown({"default": rejected, "fra1": unasked}).differences

    assert (alike.code, alike.owner) == ("sites.all_fail_alike", "caller")
    assert (alone.code, alone.owner) == ("sites.not_comparable", "caller")


def test_a_site_that_leaves_the_sign_in_to_another_says_so() -> None:
    """Its cell must look neither passed nor forgotten."""
    view = shown({"default": SiteJob().job(), "fra1": SiteJob("product_identify").job()})

    left = cell(view, "authenticate", "fra1")
    assert (left.outcome, left.took_ms) == ("not_part", None)
    assert left.summary == "Not part of the test from this site: another site signs in."
    assert [one.code for one in view.differences] == ["sites.all_pass"]


def test_a_running_comparison_tells_no_difference_yet() -> None:
    """It could turn out to be none."""
    running = fold([queued().model_copy(update={"steps": steps_for("https")}), started()])
    assert running

    view = shown({"default": SiteJob().job(), "fra1": running})

    assert (view.status, view.finished_at, view.differences) == ("running", None, ())
    assert cell(view, "tcp_connect", "fra1").outcome is None
    assert view.expires_at == at(60) + timedelta(seconds=TTL_S)


def test_a_site_that_was_not_tested_says_why() -> None:
    """A column without a word looks like a bug."""
    view = shown({"default": SiteJob().job()}, {"fra1": "no_worker"})

    column = view.sites[1]
    assert (column.status, column.job_id) == ("not_tested", None)
    assert column.reason == "No worker of this site is alive."
    assert cell(view, "tcp_connect", "fra1").outcome == "skipped"
    assert view.status == "finished"


def test_a_site_that_waits_for_its_turn_says_so() -> None:
    """With signIn all each site waits for the one before it."""
    assert shown({"default": SiteJob().job()}).sites[1].status == "waiting"


def test_a_finished_comparison_goes_with_the_first_of_its_jobs() -> None:
    """A column without its job could not be shown."""
    view = shown({"default": SiteJob().job(), "fra1": SiteJob().job()})

    assert view.finished_at == at(9)
    assert view.expires_at == at(9) + timedelta(seconds=TTL_S)


def test_a_cancelled_comparison_is_called_so() -> None:
    """Whoever looks at it later did not cancel it."""
    left_out: dict[str, WhyNot] = {"default": "cancelled", "fra1": "cancelled"}

    view = shown({}, left_out, is_cancelled=True)

    assert view.status == "cancelled"
    assert view.finished_at == at(0)
