"""Compare how the test ends from each site."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shared.comparison.causes import (
    ALL_FAIL_ALIKE,
    ALL_PASS,
    FAIL_DIFFERENTLY,
    JUDGED_DIFFERENTLY,
    NOT_COMPARABLE,
    UNREACHABLE_FROM,
)
from shared.comparison.difference import Difference, Side, listed, names
from shared.comparison.grouping import grouped
from shared.comparison.seen import Seen
from shared.diagnosis.outcomes import Fact, Facts, Finding
from shared.steps import SIGN_IN, STEPS, StepName

_JUDGEMENTS: Final = ("auth.", "authz.")


def outcomes_compared(sites: Sequence[Seen], untested: Sequence[str]) -> Iterator[Difference]:
    """Yield how the outcomes of the tested `sites` differ, or that they don't.

    `untested` are the names of the sites without a verdict, which prove nothing.
    """
    failed = [one for one in sites if one.failed]
    also: dict[str, Fact] = {"untested": tuple(untested)} if untested else {}
    if not failed:
        yield _all_pass(sites, also)
        return
    ends = {(one.failed.name, one.failed.cause) for one in failed if one.failed}
    if len(failed) == len(sites) and len(ends) == 1:
        ((step, cause),) = ends
        facts = {"sites": names(sites), "step": step, "cause": cause or "", **also}
        sides = (Side(names(sites), {"cause": cause or ""}),)
        yield Difference(Finding(ALL_FAIL_ALIKE, facts), _step_named(step), sides)
        return
    for step_name in STEPS:
        yield from _step_compared(step_name, sites)


def withheld_compared(sites: Sequence[Seen]) -> Iterator[Difference]:
    """Yield that a key pair was withheld, where no other site has signed in or fails.

    The others pass a shorter test then: that all pass would be said of a rejected key pair.
    """
    passing = [one for one in sites if one.passes]
    if not passing or any(one.failed or one.passed("authenticate") for one in sites):
        return
    by_cause = grouped(sites, lambda one: one.withheld.cause if one.withheld else None)
    for cause, group in by_cause.items():
        yield _not_comparable("authenticate", cause, group, passing)


def _all_pass(sites: Sequence[Seen], also: Facts) -> Difference:
    signed_in = [one for one in sites if one.passed("authenticate")]
    facts = {"sites": names(sites), **also}
    if 0 < len(signed_in) < len(sites):
        facts["signed_in"] = names(signed_in)
    return Difference(Finding(ALL_PASS, facts), None, (Side(names(sites)),))


def _step_compared(step: StepName, sites: Sequence[Seen]) -> Iterator[Difference]:
    passed = [one for one in sites if one.passed(step)]
    failed = [one for one in sites if one.failed and one.failed.name == step]
    by_cause = grouped(failed, lambda one: _cause_at(step, one))
    if passed:
        for cause, group in by_cause.items():
            yield _contrast(step, cause, group, passed)
    elif len(by_cause) > 1:
        facts: Facts = {"step": step, "where": listed(by_cause)}
        yield Difference(Finding(FAIL_DIFFERENTLY, facts), step, _sides(by_cause))
    elif by_cause:
        ((cause, group),) = by_cause.items()
        not_asked = [one for one in sites if one.passes]
        if not_asked:
            yield _not_comparable(step, cause, group, not_asked)


def _not_comparable(
    step: StepName, cause: str, group: Sequence[Seen], others: Sequence[Seen]
) -> Difference:
    facts = {**_facts(step, cause, group, others)}
    if step in SIGN_IN:
        facts["sign_in_step"] = step
    sides = Side(names(group), {"cause": cause}), Side(names(others))
    return Difference(Finding(NOT_COMPARABLE, facts), step, sides)


def _contrast(
    step: StepName, cause: str, group: Sequence[Seen], others: Sequence[Seen]
) -> Difference:
    facts = {**_facts(step, cause, group, others)}
    is_judged = step in SIGN_IN and cause.startswith(_JUDGEMENTS)
    egress = tuple(one.reported_as for one in group)
    if is_judged:
        facts["egress"] = egress
    if step == "tcp_connect" and (reached := _reached(group)):
        facts |= {"egress": egress, "reached": reached}
    if step == "dns_lookup":
        facts["nameless"] = names(group)
    passed = Side(names(others), {"outcome": "passed"})
    sides = Side(names(group), {"outcome": "failed", "cause": cause}), passed
    found = JUDGED_DIFFERENTLY if is_judged else UNREACHABLE_FROM
    return Difference(Finding(found, facts), step, sides)


def _facts(step: str, cause: str, group: Sequence[Seen], others: Sequence[Seen]) -> Facts:
    return {"sites": names(group), "others": names(others), "step": step, "cause": cause}


def _reached(group: Sequence[Seen]) -> tuple[str, ...]:
    """Return the addresses at which the sites have tried to reach the host."""
    tried: dict[str, None] = {}
    for one in group:
        found = one.passed("dns_lookup")
        addresses = found.evidence.get("addresses", ()) if found else ()
        tried |= dict.fromkeys(addresses if isinstance(addresses, tuple) else ())
    return tuple(tried)


def _cause_at(step: str, site: Seen) -> str:
    item = site.item(step)
    return (item.cause if item else None) or ""


def _sides(by_cause: Mapping[str, Sequence[Seen]]) -> tuple[Side, ...]:
    return tuple(Side(names(group), {"cause": cause}) for cause, group in by_cause.items())


def _step_named(name: str) -> StepName | None:
    return next((step for step in STEPS if step == name), None)
