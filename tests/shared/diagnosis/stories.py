"""Entries to tell the story of a job with."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import (
    Closed,
    ClosedStatus,
    Entry,
    FoundCause,
    Outcome,
    Queued,
    Requeued,
    Started,
    StepEnded,
    StepStarted,
)
from shared.diagnosis.outcomes import Facts, Finding
from shared.steps import StepName, steps_for

BEGAN_AT = datetime(2026, 11, 23, 17, 43, 52, tzinfo=UTC)

REFUSED = Cause(
    code="tcp.refused",
    owner="platform",
    summary="{host} refused the connection on port {port}",
    remedies=("Check the port number.", "Check that the service is running on {host}."),
    field="endpoint",
)
CLOCK_OFF = Cause(
    code="api.clock_off",
    owner="platform",
    severity="warning",
    summary="The clock of {host} is off",
    remedies=("Set NTP right on {host}.",),
)
KNOWN: Facts = {"host": "db.example.com", "port": 8443}
FACTS: Mapping[str, Facts] = {
    REFUSED.code: {"errno": 111, "where": "db.example.com"},
    CLOCK_OFF.code: {"errno": 111, "allowed_s": 300, "behind_s": 600},
}
"""What the texts need that the API makes of a code; the texts here are a worker's."""
REFUSED_REMEDY = (
    "Check that ZStack Cloud is running on db.example.com and listens on port 8443; its usual port "
    "is 8080."
)
CLOCK_SUMMARY = "The clock of db.example.com is 600 s behind this service's"
CLOCK_REMEDY = (
    "Correct NTP on db.example.com: it rejects clients that sign with their own clock if that "
    "differs by more than 300 s."
)


def at(second: float) -> datetime:
    """Return the moment `second` seconds after the story began."""
    return BEGAN_AT + timedelta(seconds=second)


def queued() -> Queued:
    """Return the beginning of every story."""
    return Queued(
        at=at(0),
        tenant="alice",
        product_type="zstack",
        endpoint="http://db.example.com:8443",
        steps=steps_for("http"),
    )


def started(second: float = 1, worker: str = "w1") -> Started:
    """Return the beginning of a run."""
    return Started(at=at(second), worker=worker)


def requeued(second: float = 5) -> Requeued:
    """Return the end of a run whose worker died."""
    return Requeued(at=at(second))


def closed(status: ClosedStatus = "finished", second: float = 9) -> Closed:
    """Return the end of a story."""
    return Closed(at=at(second), status=status)


def step(
    name: StepName,
    cause: Cause | None = None,
    took_ms: float = 1.5,
    facts: Facts | None = None,
) -> tuple[Entry, Entry]:
    """Return a whole step, passed unless there is a `cause` with its `facts`."""
    outcome: Outcome = cause.severity if cause else "passed"
    causes: tuple[FoundCause, ...] = ()
    if cause:
        found = facts or FACTS.get(cause.code, {"errno": 111})
        causes = (FoundCause.of(Finding(cause, found), KNOWN),)
    return (
        StepStarted(at=at(2), step=name),
        StepEnded(
            at=at(3),
            step=name,
            outcome=outcome,
            took_ms=took_ms,
            causes=causes,
            facts={"address": "192.0.2.7"},
        ),
    )
