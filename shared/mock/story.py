"""Answer as if a platform had been tested: no network, no queue, nothing kept.

The ID of a mock job contains its cause, so every interface can show it without a store.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import (
    Closed,
    Entry,
    FoundCause,
    Queued,
    Started,
    StepEnded,
    StepStarted,
)
from shared.diagnosis.outcomes import Finding, named_in
from shared.diagnosis.sentences import Sentence
from shared.mock.facts import ADVISED, KNOWN, MOCK_FACTS, STEP_MS
from shared.request.options import HEALTHY
from shared.steps import StepName, steps_for

if TYPE_CHECKING:  # the command uses mocks without redis-py, which takes long to load
    from shared.store.jobs.job_reader import Story

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


class MockRefusedError(Exception):
    """Raised if a real request would be refused at once, with the cause."""

    def __init__(self, cause: Cause) -> None:
        self.cause_code = cause.code
        self.field = cause.field or "endpoint"
        self.reason = Sentence.of(Finding(cause, {**KNOWN, **MOCK_FACTS}))
        super().__init__(f"{self.field}: {self.reason}")


def is_mock(job_id: str) -> bool:
    """Return whether the ID is that of a mock job."""
    return job_id.startswith(_PREFIX)


def mock_job(mock: str) -> str:
    """Return the ID of the mock job for `mock`, which is "healthy" or a cause's code.

    Raises:
        MockRefusedError: a request with this cause is refused before it is tested.
    """
    cause = catalogue().get(mock)
    if cause and mock.startswith("input.") and cause.severity == "failed":
        raise MockRefusedError(cause)
    return _PREFIX + mock


def mock_story(job_id: str, tenant: str) -> "Story":
    """Return the entries of a mock job, as its tenant sees them; nothing if it is none."""
    named = _MOCK_ID.fullmatch(job_id)
    mock = named[1] if named else ""
    if mock != HEALTHY and mock not in catalogue():
        return []
    numbered = zip(count(1), _entries(catalogue().get(mock), tenant))
    return [(f"1-{number}", entry) for number, entry in numbered]


def _entries(cause: Cause | None, tenant: str) -> Iterator[Entry]:
    """Yield the entries in order, with the times of a test at today's midnight (UTC)."""
    at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    told_at = _step_of(cause) if cause else None
    steps = steps_for(
        "https", "service_endpoints" if told_at == "service_endpoints" else "authorize"
    )
    yield Queued(at=at, tenant=tenant, product_type="zstack", endpoint=_URL, steps=steps)
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
    """Return the finding, with only the invented facts that its texts use, and what tells them."""
    named = named_in(cause.summary, *cause.remedies)
    named |= {name.removeprefix("usable_") for name in named}
    named |= {"address"} if "allowable" in named else set()
    facts = {name: fact for name, fact in MOCK_FACTS.items() if name in named}
    return FoundCause.of(Finding(cause, facts), {**KNOWN, **ADVISED})
