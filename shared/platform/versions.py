"""Check a platform's version against the oldest testable one and the vendor's support."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import ParamSpec, TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.http import Flow

P = ParamSpec("P")
T = TypeVar("T")

API_VERSION_UNSUPPORTED = Cause(
    code="api.version_unsupported",
    owner="platform",
    summary="{host} runs {product} {version}, which is older than {minimum_version}",
    remedies=("Upgrade {host} to {minimum_version} or newer; older versions cannot be tested.",),
)
VERSION_EOL = Cause(
    code="api.version_eol",
    owner="platform",
    severity="warning",
    summary="{host} runs {product} {version}, whose support ended on {end_of_life}",
    remedies=(
        "Upgrade {host} to a supported version.",
        "Ask the vendor of this build whether it is supported for longer.",
    ),
)


def judged(
    passed: Passed[T], minimum: str, end_of_life: Mapping[str, date], today: date
) -> Passed[T]:
    """Return `passed`, with a warning if its fact `version` is past its end of life.

    Raises:
        Failed: API_VERSION_UNSUPPORTED, it is older than `minimum`.
    """
    version = passed.facts.get("version")
    if not isinstance(version, str) or not _parts(version):
        return passed
    if minimum and _parts(version) < _parts(minimum):
        raise Failed(API_VERSION_UNSUPPORTED, version=version, minimum_version=minimum)
    ends = _end_of(version, end_of_life)
    if ends is None or today <= ends:
        return passed
    warning = Finding(VERSION_EOL, {"version": version, "end_of_life": ends.isoformat()})
    return Passed(passed.value, *passed.warnings, warning, **passed.facts)


def judging(
    flow_of: Callable[P, Flow[Passed[T]]],
    minimum: str,
    end_of_life: Mapping[str, date],
    today: date,
) -> Callable[P, Flow[Passed[T]]]:
    """Return a function that returns the same flows, with their results `judged`."""

    def flow(*args: P.args, **kwargs: P.kwargs) -> Flow[Passed[T]]:
        passed = yield from flow_of(*args, **kwargs)
        return judged(passed, minimum, end_of_life, today)

    return flow


def _end_of(version: str, end_of_life: Mapping[str, date]) -> date | None:
    known = {_parts(release): ends for release, ends in end_of_life.items()}
    parts = _parts(version)
    return next((known[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in known), None)


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version; their length is limited, for untrusted ones."""
    found = re.match(r"[^0-9]{0,8}([0-9]{1,9}(?:\.[0-9]{1,9}){0,3})", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
