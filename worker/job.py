"""Run one job from its sealed message to its closed stream."""

import logging
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import FoundCause, Queued, StepEnded, StepStarted
from shared.store.jobs.job_stream import RunGivenUpError
from shared.request import InspectionRequest, JobMessage, JobRequest
from shared.diagnosis.outcomes import Facts, Failed, Finding
from shared.store.jobs.run_store import Run, RunStore
from shared.sealing import CannotOpenError, Opener
from worker.shell_commands import request_facts
from worker.deadline import Deadline
from worker.journal import Journal
from worker.observer import Observer, Observers, nobody
from worker.pipeline import run_inspection, run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.sign_in_guard import SignInGuard
from worker.site import Site

_log = logging.getLogger(__name__)

CANNOT_OPEN = Cause(
    code="self.cannot_open",
    owner="us",
    summary="This service could not open the sealed request: its worker lacks the key",
    remedies=("Ask the operators to give the workers the private key of the API's public key.",),
)
CANNOT_READ = Cause(
    code="self.cannot_read",
    owner="us",
    summary="This service's worker could not read the request that its API sealed",
    remedies=("Ask the operators to run the same version of the API and of the workers.",),
)


class JobRunner:
    """Runs the jobs of one worker, each in the thread that calls `run`."""

    def __init__(
        self,
        store: RunStore,
        opener: Opener,
        site: Site,
        guard: SignInGuard,
        observers: Observers = Observers(),  # noqa: B008 -- it never changes
    ) -> None:
        self._store = store
        self._observers = observers
        self._guard = guard
        self._opener = opener
        self._site = site
        self._running: dict[str, Deadline] = {}

    def run(self, job_id: str) -> None:
        """Run the job, unless it is closed, too old, or may have signed in already."""
        try:
            run = self._store.begin(job_id)
        except RunGivenUpError:
            _log.info("job job=%s outcome=not_begun", job_id)
            return
        try:
            self._run(run)
        except RunGivenUpError:
            self._store.leave(run)
            _log.info("job job=%s outcome=given_up", job_id)

    @property
    def busy(self) -> int:
        """How many jobs run at this moment."""
        return len(self._running)

    def cancel(self, job_id: str) -> None:
        """End the job if it runs here; called from another thread."""
        deadline = self._running.get(job_id)
        if deadline:
            deadline.cancellation.request()

    def _run(self, run: Run) -> None:
        if _may_have_signed_in(run):
            run.close(status="lost")
            return
        if run.sealed is None:  # it expires when it is too old to be run
            run.close(status="expired")
            return
        try:
            message = JobMessage.from_bytes(self._opener.open(run.sealed, _sealed_as(run)))
        except CannotOpenError:
            _close_unread(run, CANNOT_OPEN)
            return
        except ValidationError:
            _close_unread(run, CANNOT_READ)
            return
        if datetime.now(UTC) > message.start_by:
            run.close(status="expired")
            return
        self._work(run, message)

    def _work(self, run: Run, message: JobMessage) -> None:
        request, deadline = message.request, Deadline.after(message.budget_s)
        site = self._site.limited_to(message.policy, is_metered=message.is_metered)
        observe = self._observers.of(message, run)
        self._running[run.job_id] = deadline
        try:
            if isinstance(request, InspectionRequest):
                run_look(request, site, run, deadline, observe)
            else:
                run_test(request, site, self._guard, run, deadline, observe)
        finally:
            # A run that was given up may end after the next one has begun, in this same worker.
            if self._running.get(run.job_id) is deadline:
                del self._running[run.job_id]


def run_test(
    request: JobRequest,
    site: Site,
    guard: SignInGuard,
    journal: Journal,
    deadline: Deadline,
    observe: Observer = nobody,
) -> None:
    """Run the steps, write in `journal` what became of them, and close it."""
    redact = Redactor(request.credentials)
    step = Recorder(journal, known_facts(request), redact, deadline, site.investigate, observe)
    refusal = guard.refusal(request)
    failed = None
    try:
        run_steps(request, site, refusal, step, deadline)
    except Failed as error:  # it is recorded, and it is what the caller wanted to know
        # A traceback and what it is kept in would hold each other, and the key pair, for long.
        failed = error.with_traceback(None)
    step.finish()
    if refusal is None:
        guard.learn(request, failed)


def run_look(
    request: InspectionRequest,
    site: Site,
    journal: Journal,
    deadline: Deadline,
    observe: Observer = nobody,
) -> None:
    """Look at the certificates, write in `journal` what was seen, and close it."""
    step = Recorder(journal, request.known, Redactor(), deadline, site.investigate, observe)
    with suppress(Failed):  # it is recorded
        run_inspection(request, site, step, deadline)
    step.finish()


def known_facts(request: JobRequest) -> Facts:
    """Return what the texts about any step of the job can name."""
    target, product = request.target, request.product
    hello = product.hello(target)
    usual: Facts = {"usual_port": product.default_port} if product.needs_key_pair else {}
    return {
        **usual,
        **request_facts(hello, verifies=request.options.tls.verify),
        "host": target.server_name,
        "port": target.port or 0,
        "url": f"{target.scheme}://{target.bracketed_host}:{target.port}{hello.path}",
        "product": product.title,
        "access_key_is": product.access_key_is,
        "secret_key_is": product.secret_key_is,
    }


def _sealed_as(run: Run) -> str:
    """Return the job that the request was sealed for."""
    repeated = (entry.sealed_as for entry in run.earlier if isinstance(entry, Queued))
    return next(repeated, "") or run.job_id


def _may_have_signed_in(run: Run) -> bool:
    """Return whether a run before this one came as far as the sign-in, which is made once."""
    return any(isinstance(e, StepStarted) and e.step == "authenticate" for e in run.earlier)


def _close_unread(run: Run, why: Cause) -> None:
    now = datetime.now(UTC)
    cause = FoundCause.of(Finding(why), {})
    ended = StepEnded(at=now, step="dns_lookup", outcome="failed", took_ms=0, causes=(cause,))
    run.close(StepStarted(at=now, step="dns_lookup"), ended, status="finished")
