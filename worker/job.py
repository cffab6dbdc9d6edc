"""Run one job from its sealed message to its closed stream."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.causes import Cause
from shared.entries import FoundCause, StepEnded, StepStarted
from shared.job_store import Run, RunGivenUpError, RunStore
from shared.models import JobMessage
from shared.outcomes import Facts, Failed, Finding
from shared.sealing import CannotOpenError, Opener
from worker.deadline import Deadline
from worker.pipeline import run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.site import Site

_log = logging.getLogger(__name__)

CANNOT_OPEN = Cause(
    code="self.cannot_open",
    owner="us",
    summary="This service could not open the sealed request: its worker lacks the key",
    remedies=("Ask the operators to give the workers the private key of the API's public key.",),
)


@dataclass(frozen=True, slots=True)
class JobRunner:
    """What every job of this worker shares."""

    name: str
    store: RunStore
    opener: Opener
    site: Site

    def run(self, job_id: str, sealed: str) -> None:
        """Run the job, unless it is closed, too old, or may have signed in already."""
        try:
            run = self.store.begin(job_id, self.name)
            self._run(job_id, run, sealed)
        except RunGivenUpError:
            _log.info("job job=%s outcome=given_up", job_id)

    def _run(self, job_id: str, run: Run, sealed: str) -> None:
        if _may_have_signed_in(run):
            run.close(status="lost")
            return
        try:
            message = JobMessage.from_bytes(self.opener.open(sealed, job_id))
        except CannotOpenError:
            _close_unopened(run)
            return
        if datetime.now(UTC) > message.start_by:
            run.close(status="expired")
            return
        self._test(job_id, run, message)

    def _test(self, job_id: str, run: Run, message: JobMessage) -> None:
        request = message.request
        step = Recorder(job_id, run, _known(message), Redactor(request.credentials))
        deadline = Deadline.after(message.budget_s)
        with suppress(Failed):  # it is recorded, and it is what the caller wanted to know
            run_steps(request, self.site, step, deadline)
        step.finish()


def _known(message: JobMessage) -> Facts:
    target, product = message.request.target, message.request.product
    return {
        "host": target.server_name,
        "port": target.port or 0,
        "product": product.title,
        "usual_port": product.default_port,
    }


def _may_have_signed_in(run: Run) -> bool:
    """Return whether a run before this one came as far as the sign-in, which is made once."""
    return any(isinstance(e, StepStarted) and e.step == "authenticate" for e in run.earlier)


def _close_unopened(run: Run) -> None:
    now = datetime.now(UTC)
    cause = FoundCause.of(Finding(CANNOT_OPEN), {})
    ended = StepEnded(at=now, step="dns_lookup", outcome="failed", took_ms=0, causes=(cause,))
    run.close(StepStarted(at=now, step="dns_lookup"), ended, status="finished")
