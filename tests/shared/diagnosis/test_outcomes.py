from dataclasses import replace

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed, filled, in_plural, shown

REFUSED = Cause(
    code="tcp.refused",
    owner="platform",
    summary="{host} refused the connection on port {port}",
    remedies=("Check the port number {port}.", "Check that the service is running on {host}."),
)
KNOWN: Facts = {"host": "db.example.com", "port": 8443}


def test_a_summary_has_the_facts_of_the_job_in_it() -> None:
    """A reader wants to know which host and port, not that there was one."""
    finding = Finding(REFUSED)

    assert finding.summary(KNOWN) == "db.example.com refused the connection on port 8443"
    assert finding.remedies(KNOWN)[1] == "Check that the service is running on db.example.com."


def test_the_facts_of_a_finding_win_over_those_of_the_job() -> None:
    """The step knows better which port it was that refused."""
    assert Finding(REFUSED, {"port": 5000}).summary(KNOWN).endswith("port 5000")


def test_a_summary_ends_with_what_the_platform_says() -> None:
    """Its own words are worth more than any of ours; a template that has them is enough."""
    says: Facts = {"says": "backend down"}
    quoting = replace(REFUSED, summary="{host} answers {says}")

    assert Finding(REFUSED, says).summary(KNOWN) == (
        'db.example.com refused the connection on port 8443; db.example.com says: "backend down"'
    )
    assert Finding(quoting, says).summary(KNOWN) == "db.example.com answers backend down"


def test_a_fact_that_nobody_knows_is_our_own_mistake() -> None:
    """A sentence with a hole in it must not reach a caller."""
    with pytest.raises(KeyError):
        Finding(REFUSED).summary({"host": "h"})


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 days ago"), (1, "1 day ago"), (2, "2 days ago"), (11, "11 days ago")]
)
def test_a_count_has_its_noun_in_the_right_form(count: int, said: str) -> None:
    """It reads like a machine's otherwise: 1 days ago."""
    assert filled("{days:day|days} ago", {"days": count}) == said
    assert filled("so[, {days:day|days} ago]", {"days": count}) == f"so, {said}"
    assert filled("so[, {days:day|days} ago]", {}) == "so"


def test_of_several_parts_the_first_is_told_that_is_known() -> None:
    """A public address is of more use than the one behind it; both would contradict each other."""
    template = "Open it[ from {public} ({site})| from {local}| for {days:day|days}]."

    assert filled(template, {"public": "p", "site": "s", "local": "l"}) == "Open it from p (s)."
    assert filled(template, {"public": "p", "local": "l", "days": 2}) == "Open it from l."
    assert filled(template, {"days": 1}) == "Open it for 1 day."
    assert filled(template, {}) == "Open it."


def test_a_template_is_read_in_the_plural() -> None:
    """Manuals show templates, and not how they are made."""
    assert in_plural("{days:day|days} of {host}[ in {n:year|years}]") == (
        "{days} days of {host}[ in {n} years]"
    )


@pytest.mark.parametrize("hostile", ["{0.__class__}", "{host.__class__}", "{port}", "{", "%s"])
def test_a_fact_that_looks_like_a_template_stays_as_it_is(hostile: str) -> None:
    """A platform that can write templates could read our memory."""
    summary = Finding(REFUSED, {"host": hostile}).summary(KNOWN)

    assert summary == f"{hostile} refused the connection on port 8443"


def test_a_hostile_fact_is_neutralised_and_cut() -> None:
    """A banner must not forge a second line, nor fill a screen."""
    summary = Finding(REFUSED, {"host": "\x1b[2J\r\n" + "x" * 5000}).summary(KNOWN)

    assert summary.isprintable()
    assert len(summary) < 300


def test_several_facts_are_listed_each_of_them_cut() -> None:
    """A certificate may name a thousand hosts, each as long as it likes."""
    assert shown(("a", "b\n")) == "a, b\ufffd"
    assert len(shown(("x" * 5000,))) < 300


def test_a_passed_step_carries_its_value_its_warnings_and_its_facts() -> None:
    """The next step needs the value; the report needs the rest."""
    warning = Finding(REFUSED)

    passed = Passed("socket", warning, address="192.0.2.7")

    assert passed.value == "socket"
    assert passed.warnings == (warning,)
    assert passed.facts == {"address": "192.0.2.7"}


def test_a_failure_carries_its_cause_and_its_facts() -> None:
    """A failure without its cause can't be told from another."""
    failed = Failed(REFUSED, port=5000)

    assert failed.cause is REFUSED
    assert failed.finding.facts == {"port": 5000}
    assert str(failed) == "tcp.refused"


def test_a_remedy_of_which_a_fact_is_unknown_is_left_out() -> None:
    """An empty line is no advice."""
    remedies = ("[Use port {open_port}.]", "Start {host}.")
    cause = Cause(code="x", owner="platform", summary="x", remedies=remedies)

    assert Finding(cause).remedies(KNOWN) == ("Start db.example.com.",)
    assert Finding(cause, {"open_port": 1}).remedies(KNOWN)[0] == "Use port 1."
