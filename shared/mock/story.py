"""Answer as if a platform had been tested: no network, no queue, nothing kept.

What a mock job is stands in its id, so every face can tell its story without looking it up.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Final

from fastapi.responses import JSONResponse

from api.language import headers_of
from shared.mock.facts import KNOWN, MOCK_FACTS, STEP_MS
from api.problems import InvalidField, ProblemError
from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Closed, Entry, FoundCause, Queued, Started, StepEnded, StepStarted
from shared.job_store import Story
from shared.request import HEALTHY
from shared.diagnosis.outcomes import Finding
from shared.diagnosis.report import fold
from shared.steps import StepName, steps_for
from shared.diagnosis.translations import Language

MOCK_HEADERS: Final[dict[str, str]] = {"Conncheck-Mock": "true"}
_PREFIX = "mock-"
_MOCK_ID = re.compile(re.escape(_PREFIX) + "([a-z0-9_.]{1,80})")
_URL = "https://cloud.example.com:8443"
_STEP_BY_FAMILY: dict[str, StepName] = {
    "dns": "dns_lookup",
    "policy": "tcp_connect",
    "tcp": "tcp_connect",
    "tls": "tls_handshake",
    "proxy": "http_response",
    "http": "http_response",
    "api": "product_identify",
    "auth": "authenticate",
    "authz": "authorize",
}
_STEP_BY_CODE: dict[str, StepName] = {
    "policy.auth_guard": "authenticate",
    "policy.just_rejected": "authenticate",
}


def mock_job(mock: str) -> str:
    """Return the id of the job that `mock`, "healthy" or a cause's code, asks for.

    Raises:
        ProblemError: 422 for a cause that a request is refused with before it is tested.
    """
    cause = catalogue().get(mock)
    if cause and mock.startswith("input.") and cause.severity == "failed":
        raise _refused(cause)
    return _PREFIX + mock


def mock_story(job_id: str, tenant: str) -> Story:
    """Return what happened to a mock job, as its own tenant sees it; nothing if it is none."""
    named = _MOCK_ID.fullmatch(job_id)
    mock = named[1] if named else ""
    if mock != HEALTHY and mock not in catalogue():
        return []
    numbered = zip(count(1), _entries(catalogue().get(mock), tenant))
    return [(f"1-{number}", entry) for number, entry in numbered]


def mock_headers(job_id: str) -> dict[str, str]:
    """Return the header that marks a mock, nothing for a real job's id."""
    return MOCK_HEADERS if job_id.startswith(_PREFIX) else {}


def mock_answer(mock: str, language: Language) -> JSONResponse:
    """Return the documented answer of a mock."""
    job = fold(entry for _, entry in mock_story(_PREFIX + mock, ""))
    assert job  # noqa: S101 -- the request's validation knows the same names
    answer = job.in_language(language).answer()
    headers = {**headers_of(language), **MOCK_HEADERS}
    return JSONResponse(answer.model_dump(by_alias=True), headers=headers)


def _refused(cause: Cause) -> ProblemError:
    finding = Finding(cause, MOCK_FACTS)
    field = InvalidField(
        field=cause.field or "endpoint", reason=finding.summary(KNOWN), cause=cause.code
    )
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{field.field}: {field.reason}",
        kind="invalid-request",
        headers=MOCK_HEADERS,
        errors=[field],
    )


def _entries(cause: Cause | None, tenant: str) -> Iterator[Entry]:
    """Give the story in its order; its clock is that of a test at today's midnight (UTC)."""
    at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    told_at = _step_of(cause) if cause else None
    steps = steps_for(
        "https", "service_endpoints" if told_at == "service_endpoints" else "authorize"
    )
    yield Queued(at=at, caller=tenant, product_type="zstack", endpoint=_URL, steps=steps)
    at += timedelta(milliseconds=4)
    yield Started(at=at, worker="mock")
    for step in steps:
        yield StepStarted(at=at, step=step)
        found = (_found(cause),) if cause and step == told_at else ()
        at += timedelta(milliseconds=STEP_MS[step])
        outcome = found[0].severity if found else "passed"
        yield StepEnded(at=at, step=step, outcome=outcome, took_ms=STEP_MS[step], causes=found)
        if outcome == "failed":
            break
    yield Closed(at=at, status="finished")


def _step_of(cause: Cause) -> StepName:
    if cause.code.startswith("api.catalog_"):
        return "service_endpoints"
    family = cause.code.partition(".")[0]
    return _STEP_BY_CODE.get(cause.code) or _STEP_BY_FAMILY.get(family, "dns_lookup")


def _found(cause: Cause) -> FoundCause:
    """Return the finding with those made-up facts alone that its texts name."""
    texts = " ".join((cause.summary, *cause.remedies))
    facts = {name: fact for name, fact in MOCK_FACTS.items() if f"{{{name}}}" in texts}
    return FoundCause.of(Finding(cause, facts), KNOWN)
