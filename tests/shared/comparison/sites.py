"""Jobs of sites, to compare with each other."""

from collections.abc import Sequence

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Closed, ClosedStatus, Entry, FoundCause, StepEnded, StepStarted
from shared.diagnosis.outcomes import Fact, Facts, Finding, named_in
from shared.diagnosis.report import Job
from shared.endpoint import parse_endpoint
from shared.mock.facts import MOCK_FACTS
from shared.products import PRODUCTS
from shared.reporting.fold import fold
from shared.reporting.job_facts import facts_of_test
from shared.steps import StepName, steps_for
from tests.shared.diagnosis.stories import at, queued, started

ENDPOINT = "https://db.example.com:8443"
KNOWN: Facts = {
    **facts_of_test(
        parse_endpoint("https://db.example.com:8443"), PRODUCTS["zstack"], verifies=True
    ),
    "job": "4f2a",
}
FACTS: dict[StepName, dict[str, Fact]] = {
    "dns_lookup": {"addresses": ("192.0.2.7",)},
    "tcp_connect": {"address": "192.0.2.7"},
    "tls_handshake": {"sha256": "aa" * 32, "key_sha256": "11" * 32, "issuer": "Example CA"},
}


def cause_of(code: str) -> Cause:
    """Return the cause with `code`."""
    return catalogue()[code]


def needed_by(cause: Cause) -> Facts:
    """Return the facts without which the cause has no texts."""
    named = named_in(cause.summary, *cause.remedies)
    return {name: fact for name, fact in MOCK_FACTS.items() if name in named}


class SiteJob:
    """The job of a site, which passes unless something else is said of a step."""

    def __init__(self, ends_after: StepName = "authorize") -> None:
        self._steps = steps_for("https", ends_after)
        self._facts = {step: dict(FACTS.get(step, {})) for step in self._steps}
        self._took_ms = dict.fromkeys(self._steps, 5.0)
        self._causes: dict[str, Sequence[FoundCause]] = {}

    def seeing(self, step: StepName, **facts: Fact) -> "SiteJob":
        """Add `facts` to a step, or replace some."""
        self._facts[step] |= facts
        return self

    def taking(self, step: StepName, took_ms: float) -> "SiteJob":
        """Let a step take so long."""
        self._took_ms[step] = took_ms
        return self

    def finding(self, step: StepName, *causes: Cause, **facts: Fact) -> "SiteJob":
        """Let a step end with `causes`."""
        self._causes[step] = [
            FoundCause.of(Finding(one, {**needed_by(one), **facts}), {**MOCK_FACTS, **KNOWN})
            for one in causes
        ]
        return self

    def failing(self, step: StepName, code: str, **facts: Fact) -> "SiteJob":
        """Let a step fail."""
        return self.finding(step, cause_of(code), **facts)

    def job(self, status: ClosedStatus = "finished") -> Job:
        """Return the report of the job."""
        begin = queued().model_copy(update={"steps": self._steps, "endpoint": ENDPOINT})
        entries: list[Entry] = [begin, started()]
        for step in self._steps:
            entries.append(StepStarted(at=at(2), step=step))
            ended = self._ended(step)
            entries.append(ended)
            if ended.outcome == "failed":
                break
        job = fold([*entries, Closed(at=at(9), status=status)])
        assert job
        return job

    def _ended(self, step: StepName) -> StepEnded:
        causes = tuple(self._causes.get(step, ()))
        failed = bool(causes) and causes[0].severity == "failed"
        return StepEnded(
            at=at(3),
            step=step,
            outcome=causes[0].severity if causes else "passed",
            took_ms=self._took_ms[step],
            causes=causes,
            facts={} if failed else self._facts[step],
        )


def not_started(status: ClosedStatus) -> Job:
    """Return a job that no worker has begun."""
    job = fold([queued(), Closed(at=at(9), status=status)])
    assert job
    return job
