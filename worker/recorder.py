"""Run steps, time them and record their results, with our own bugs kept apart from faults."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ParamSpec, TypeVar, cast

from shared.diagnosis.causes import Cause
from shared.diagnosis.durations import rounded_ms
from shared.diagnosis.entries import (
    MOST_CAUSES,
    FoundCause,
    StepEnded,
    StepNoted,
    StepStarted,
)
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.platform.keys.input_checks import (
    CREDENTIAL_FORMAT,
    CREDENTIAL_MISTYPED,
    CREDENTIAL_WHITESPACE,
)
from shared.reporting.commands import command_for
from shared.steps import StepName
from worker.deadline import Deadline
from worker.investigations.investigator import Investigator
from worker.journal import Journal
from worker.redaction import Redactor

_log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

_ABOUT_KEYS = (CREDENTIAL_WHITESPACE, CREDENTIAL_FORMAT, CREDENTIAL_MISTYPED)
"""The causes whose facts are our own words about a key, none of which a platform or a key gave."""

Observer = Callable[[datetime, StepEnded], None]
"""Is told when a step of one job began, and how it ended; it must be quick and never raise."""

INTERNAL_ERROR = Cause(
    code="self.internal_error",
    owner="us",
    summary="The test itself failed because of a bug ({error})",
    remedies=(
        (
            "Report job {job} to the operators of this service; this failure says nothing about "
            "{host}."
        ),
    ),
)
BUDGET_EXHAUSTED = Cause(
    code="self.budget_exhausted",
    owner="caller",
    summary="The time limit of the test was reached before the step was done",
    remedies=("Increase options.timeoutSeconds.",),
    field="options.timeoutSeconds",
)


def ignore_step(_: datetime, __: StepEnded) -> None:
    """Ignore the step."""


class Recorder:
    """Calls each step of one job and appends its result to the job's stream."""

    def __init__(
        self,
        journal: Journal,
        known: Facts,
        redact: Redactor,
        deadline: Deadline,
        investigate: Investigator,
        observe: Observer = ignore_step,
        advise: Callable[[Finding], Facts] = lambda _: {},
    ) -> None:
        self._job_id = job_id = journal.job_id
        self._journal = journal
        self._deadline = deadline
        self._known = {**known, "job": job_id}
        self._redact = redact
        self._investigate = investigate
        self._observe = observe
        self._advise = advise
        self._began_at = self._journal.now()
        self._unwritten: list[StepEnded] = []
        self._notes: list[StepNoted] = []

    def __call__(self, step: Callable[P, Passed[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `step`.

        Raises:
            Failed: the step failed, or raised an unexpected exception, which is a bug of ours.
            RunGivenUpError: the job no longer belongs to this worker.
        """
        name = cast("StepName", step.__name__)
        self._write_start(name)
        now_s = self._deadline.clock.now_s
        began_s = now_s()
        try:
            self._deadline.remaining_s()  # a step without time left would blame the platform
            passed = step(*args, **kwargs)
        except Failed as failed:
            took_s = now_s() - began_s
            explained = self._investigate(name, failed, self._deadline.cancellation)
            raise self._broke(name, took_s, explained) from None
        except TimeoutError:
            exhausted = Failed(BUDGET_EXHAUSTED)
            raise self._broke(name, now_s() - began_s, exhausted) from None
        except Exception as error:  # noqa: BLE001 -- our own bug is a result too
            _log.exception("step job=%s step=%s outcome=broken", self._job_id, name)
            broken = Failed(INTERNAL_ERROR, error=type(error).__name__)
            raise self._broke(name, now_s() - began_s, broken) from None
        shown = self._end(name, now_s() - began_s, *passed.warnings, facts=passed.facts)
        # Later texts may use the facts of this step, but these never replace facts of the job.
        self._known = {**shown, **self._known}
        return passed.value

    def learn(self, headers: Mapping[str, str]) -> None:
        """Remove the secrets in these headers from everything that is written from now on."""
        self._redact.learn(headers)

    def note_open_session(self, reason: str) -> None:
        """Add to the last step that a session could not be ended, which changes no verdict."""
        _log.warning("sign_out job=%s outcome=failed reason=%s", self._job_id, reason)
        for ended in self._unwritten:
            facts = {**ended.facts, "session_left_open": reason}
            self._unwritten = [ended.model_copy(update={"facts": facts})]

    def note(self, name: StepName, warnings: Sequence[Finding], facts: Facts) -> None:
        """Write what became known later about a step that has ended, when the job is closed."""
        causes = tuple(self._in_words(self._redacted(finding)) for finding in warnings)
        shown = dict(self._shown(facts))
        self._notes.append(StepNoted(at=self._journal.now(), step=name, causes=causes, facts=shown))

    def refuse(self, name: StepName, refused: Failed) -> Failed:
        """Record that the job ends with this step before the step has started; return `refused`."""
        self._write_start(name)
        return self._broke(name, 0.0, refused)

    def finish(self) -> None:
        """Write the remaining entries and close the job."""
        self._journal.close(*self._unwritten, *self._notes, status="finished")

    def _write_start(self, name: StepName) -> None:
        """Write the end of the last step and the start of this one, in one round trip."""
        # Time that a slow or unreachable store costs is not taken from the platform's.
        with self._deadline.clock.stopped():
            self._journal.append(*self._unwritten, StepStarted(at=self._journal.now(), step=name))
        self._began_at = self._journal.now()
        self._unwritten.clear()

    def _broke(self, name: StepName, took_s: float, failed: Failed) -> Failed:
        self._end(name, took_s, *failed.findings)
        return failed

    def _end(
        self, name: StepName, took_s: float, *findings: Finding, facts: Facts | None = None
    ) -> Facts:
        """Record the end of a step; return its facts, as they are shown."""
        took_ms = rounded_ms(took_s * 1000)
        told = findings[:MOST_CAUSES]
        causes = tuple(self._in_words(self._redacted(finding)) for finding in told)
        outcome = causes[0].severity if causes else "passed"
        ended = StepEnded(
            at=self._journal.now(),
            step=name,
            outcome=outcome,
            took_ms=took_ms,
            causes=causes,
            command=self._command(name, findings[0].cause, causes[0]) if causes else "",
            facts=self._shown(facts or {}),
        )
        self._unwritten.append(ended)
        self._observe(self._began_at, ended)
        cause = causes[0].code if causes else "-"
        _log.log(
            logging.INFO if causes else logging.DEBUG,
            "step job=%s step=%s outcome=%s cause=%s took_ms=%s",
            *(self._job_id, name, outcome, cause, took_ms),
        )
        return ended.facts

    def _in_words(self, finding: Finding) -> FoundCause:
        return FoundCause.of(finding, {**self._advise(finding), **self._known})

    def _command(self, name: StepName, cause: Cause, found: FoundCause) -> str:
        if cause.is_policy:  # it would go where this service does not go
            return ""
        return command_for(name, cause.code, {**found.facts, **self._known})

    def _redacted(self, finding: Finding) -> Finding:
        if finding.cause in _ABOUT_KEYS:  # a secret like SECRET must not hide the word secretKey
            return finding
        return Finding(finding.cause, self._shown(finding.facts))

    def _shown(self, facts: Facts) -> Facts:
        """Return `facts` without secrets and safe to show; a platform may have sent them."""
        return {key: self._redact(fact) for key, fact in facts.items()}
