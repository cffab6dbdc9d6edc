"""Hold a platform's version against what can be tested, and against its maker's support."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import ParamSpec, TypeVar

from shared.diagnosis.causes import Cause
from shared.platform.http import Flow
from shared.diagnosis.outcomes import Failed, Finding, Passed

P = ParamSpec("P")
T = TypeVar("T")

UNSUPPORTED = Cause(
    code="api.version_unsupported",
    owner="platform",
    summary="{host} runs {product} {version}, which is older than {minimum_version}",
    remedies=("Upgrade {host} to {minimum_version} or newer; older ones can't be tested.",),
)
END_OF_LIFE = Cause(
    code="api.version_eol",
    owner="platform",
    severity="warning",
    summary="{host} runs {product} {version}, whose support ended on {end_of_life}",
    remedies=(
        "Upgrade {host} to a version that is still supported.",
        "Ask whoever made this build whether it is mended for longer.",
    ),
)


def judged(
    passed: Passed[T], minimum: str, end_of_life: Mapping[str, date], today: date
) -> Passed[T]:
    """Return `passed`, with a warning where its fact `version` is past its end of life.

    Raises:
        Failed: UNSUPPORTED, it is older than `minimum`.
    """
    version = passed.facts.get("version")
    if not isinstance(version, str) or not _parts(version):
        return passed
    if minimum and _parts(version) < _parts(minimum):
        raise Failed(UNSUPPORTED, version=version, minimum_version=minimum)
    ends = _end_of(version, end_of_life)
    if ends is None or today <= ends:
        return passed
    warning = Finding(END_OF_LIFE, {"version": version, "end_of_life": ends.isoformat()})
    return Passed(passed.value, *passed.warnings, warning, **passed.facts)


def judging(
    flow_of: Callable[P, Flow[Passed[T]]],
    minimum: str,
    end_of_life: Mapping[str, date],
    today: date,
) -> Callable[P, Flow[Passed[T]]]:
    """Return what gives the same flows, with what they find `judged`."""

    def flow(*args: P.args, **kwargs: P.kwargs) -> Flow[Passed[T]]:
        passed = yield from flow_of(*args, **kwargs)
        return judged(passed, minimum, end_of_life, today)

    return flow


def _end_of(version: str, end_of_life: Mapping[str, date]) -> date | None:
    known = {_parts(release): ends for release, ends in end_of_life.items()}
    parts = _parts(version)
    return next((known[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in known), None)


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with; hostile ones have no thousands of digits."""
    found = re.match(r"[^0-9]{0,8}([0-9]{1,9}(?:\.[0-9]{1,9}){0,3})", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
