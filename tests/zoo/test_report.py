from collections.abc import Iterator

import pytest

from shared.diagnosis.entries import FoundCause
from tests.zoo.fault import Target
from tests.zoo.report import judged, report
from tests.zoo.reporting import all_reports
from tests.zoo.visit import PASSED, Verdict


def _found(code: str, summary: str) -> FoundCause:
    return FoundCause(
        code=code,
        owner="caller",
        severity="failed",
        field=None,
        summary=summary,
        remedies=(),
        facts={},
    )


def _said(code: str, summary: str, step: str = "authenticate") -> Verdict:
    return Verdict(step, (_found(code, summary),), (), 0.1)


@report(
    "https://example.com/1",
    "D",
    "authenticate",
    right=["auth.*", "!auth.token_refused"],
    open=["auth.token_refused"],
    says=["clock", "hour|minute"],
    never=["secretKey"],
)
def an_example() -> Iterator[Target]:
    """Something is wrong.

    It was the clock.
    """
    yield Target("https://127.0.0.1:9")


@report("https://example.com/2", "Z", PASSED, right=["auth.sent_in_clear"])
def a_working_one() -> Iterator[Target]:
    """It works.

    The tool there refused it.
    """
    yield Target("https://127.0.0.1:9")


@pytest.mark.parametrize(
    ("verdict", "judgement"),
    [
        (_said("auth.clock_skew", "The Clock is an hour off"), "right"),
        (_said("auth.clock_skew", "The clock is off"), "open"),
        (_said("auth.token_refused", "The clock is an hour off"), "open"),
        (_said("auth.clock_skew", "The clock is an hour off, or the secretKey is wrong"), "wrong"),
        (_said("http.500", "The clock is an hour off"), "wrong"),
        (_said("auth.clock_skew", "The clock is an hour off", "authorize"), "wrong"),
        (Verdict(PASSED, (), (), 0.1), "wrong"),
    ],
)
def test_a_verdict_is_judged_by_step_code_and_words(verdict: Verdict, judgement: str) -> None:
    """A right code with words that mislead helps nobody."""
    assert judged(an_example, verdict) == judgement


@report("https://example.com/3", "Z", PASSED, right=["tcp.partial_backends"], says=["192.0.2.7"])
def one_that_warns() -> Iterator[Target]:
    """It works, and half of it is dead.

    The tool there did not tell.
    """
    yield Target("https://127.0.0.1:9")


@pytest.mark.parametrize(
    ("verdict", "judgement"),
    [
        (Verdict(PASSED, (), (), 0.1), "open"),
        (Verdict(PASSED, (), (_found("tcp.partial_backends", "192.0.2.7 fails"),), 0.1), "right"),
        (Verdict(PASSED, (), (_found("tcp.partial_backends", "one fails"),), 0.1), "open"),
    ],
)
def test_a_warning_that_is_wanted_has_its_words(verdict: Verdict, judgement: str) -> None:
    """Silence about a dead half is no false alarm, and no help."""
    assert judged(one_that_warns, verdict) == judgement


@pytest.mark.parametrize(
    ("verdict", "judgement"),
    [
        (Verdict(PASSED, (), (), 0.1), "right"),
        (Verdict(PASSED, (), (_found("auth.sent_in_clear", "x"),), 0.1), "right"),
        (Verdict(PASSED, (), (_found("tls.weak_dh", "x"),), 0.1), "open"),
        (_said("auth.login_refused", "x"), "wrong"),
    ],
)
def test_a_platform_that_works_passes_with_its_warnings_alone(
    verdict: Verdict, judgement: str
) -> None:
    """A failure is a false alarm; a warning of something else is a weak one."""
    assert judged(a_working_one, verdict) == judgement


def test_every_report_can_be_read_again() -> None:
    """Who doubts a verdict reads what happened there."""
    shown = all_reports()

    assert all(one.at.startswith("https://") and one.truth for one in shown)
    assert len({one.name for one in shown}) == len(shown)
