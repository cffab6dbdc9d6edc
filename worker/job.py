"""Run one job, from its sealed message to its closed stream."""

import logging
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from shared.ca_certificates import OtherCertificatesError
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import (
    FoundCause,
    Queued,
    StepEnded,
    StepStarted,
    begins_sign_in,
)
from shared.diagnosis.outcomes import Finding
from shared.policy.target_policy import Allowance, EachPolicy
from shared.queue.queued_job import QueuedJob
from shared.request.inspection import InspectionRequest
from shared.request.message import JobMessage
from shared.sealing import CannotOpenError, Opener
from shared.signing import Verifier, job_statement
from shared.store.errors import JobWaitsError, RunGivenUpError
from shared.store.jobs.run import Run
from shared.store.jobs.run_store import RunStore
from worker.ca_certificates import CaCertificates, GoneError
from worker.deadline import Deadline
from worker.journaled_run import run_inspection, run_test
from worker.observer import Observers
from worker.sign_in_guard import SignInGuard
from worker.site import Site

_log = logging.getLogger(__name__)

CANNOT_OPEN = Cause(
    code="self.cannot_open",
    owner="us",
    summary=(
        "This service cannot open the sealed request: its worker[ at site {at_site}] does not "
        "have the key"
    ),
    remedies=(
        (
            "Ask the operators of this service to give the workers the private key that belongs to "
            "the API's public key."
        ),
    ),
)
NOT_SIGNED = Cause(
    code="self.not_signed",
    owner="us",
    summary=(
        "The worker[ at site {at_site}] did not run this test: the job was not signed by this "
        "service's API"
    ),
    remedies=(
        (
            "Ask the operators of this service to give the workers the public key that belongs to "
            "the key with which the API signs jobs."
        ),
        "Ask the operators of this service who else can write to its Redis.",
    ),
)
CANNOT_READ = Cause(
    code="self.cannot_read",
    owner="us",
    summary="This service's worker[ at site {at_site}] cannot read the request that the API sealed",
    remedies=(
        ("Ask the operators of this service to run the same version of the API and the workers."),
    ),
)


CLOCKS_AGREE_WITHIN = timedelta(hours=1)
"""How far the clock of Redis may be behind ours: a job must not be repeated for ever."""


class NotSignedError(Exception):
    """Raised where the API has not signed a job, or has signed another one."""


class JobRunner:
    """Runs the jobs of one worker, each in the thread that calls `run`."""

    def __init__(
        self,
        store: RunStore,
        opener: Opener,
        site: Site,
        guard: SignInGuard,
        verifier: Verifier | None = None,
        observers: Observers = Observers(),  # noqa: B008 -- it never changes
    ) -> None:
        self._store = store
        self._observers = observers
        self._guard = guard
        self._opener = opener
        self._verifier = verifier
        self._ca_certificates = CaCertificates(store, opener)
        self._site = site
        self._running: dict[Run, Deadline] = {}
        self._is_abandoning = False

    def run(self, job: QueuedJob) -> None:
        """Run the job if it is its turn, unless it is closed, too old, or may have signed in."""
        try:
            run = self._store.begin(job)
        except JobWaitsError:
            return
        except RunGivenUpError:
            _log.info("job job=%s outcome=not_begun", job.job_id)
            return
        try:
            self._run(run)
        except RunGivenUpError:
            _log.info("job job=%s outcome=given_up", job.job_id)
        finally:
            if not self._is_abandoning:
                self._store.leave(run)

    @property
    def busy(self) -> int:
        """The number of jobs that are running."""
        return len(self._running)

    def cancel(self, job_id: str) -> None:
        """End the job if it runs here; called from another thread."""
        for run, deadline in tuple(self._running.items()):
            if run.job_id == job_id:
                deadline.cancellation.request()

    def abandon(self) -> None:
        """End all jobs without a result, before this worker ends; called from another thread.

        They end their sessions at the platforms. For the store they are this worker's still, so
        that they are queued again or closed when its sign of life is gone.
        """
        self._is_abandoning = True
        for run, deadline in tuple(self._running.items()):
            run.is_given_up = True
            deadline.cancellation.request()

    def _run(self, run: Run) -> None:
        if _may_have_signed_in(run) or self._store.has_signed_in(run.job_id):
            run.close(status="lost")
            return
        try:
            message = self._message(run)
            site = _limited(self._site, message, _queued(run))
        except GoneError:
            run.close(status="expired")
            return
        except NotSignedError:
            _log.warning("job job=%s outcome=not_signed", run.job_id)
            _close_unread(run, NOT_SIGNED)
            return
        except CannotOpenError:
            _close_unread(run, CANNOT_OPEN)
            return
        except (ValidationError, OtherCertificatesError):
            _close_unread(run, CANNOT_READ)
            return
        if _is_too_old(message, run):
            run.close(status="expired")
            return
        self._work(run, message, site)

    def _message(self, run: Run) -> JobMessage:
        """Return the message that was sealed for the job's worker.

        Raises:
            GoneError: it has expired, as it does when the job is too old to run.
            NotSignedError: the API has not signed the job as it is now.
            CannotOpenError: none of this worker's keys opens it.
            ValidationError: a newer API wrote it.
            OtherCertificatesError: its CA certificates were changed.
        """
        if run.sealed is None:
            raise GoneError
        self._verify(run, run.sealed)
        message = JobMessage.from_bytes(self._opener.open(run.sealed, _sealed_as(run)))
        return self._ca_certificates.attached(message, run.job_id)

    def _verify(self, run: Run, sealed: str) -> None:
        """Check that the API has signed this job for this site, if the worker has keys to tell.

        Raises:
            NotSignedError: it has not.
        """
        first = run.first_row
        statement = job_statement(self._site.name, run.job_id, first.entry, sealed)
        if self._verifier and not self._verifier.is_signed(statement, first.signature):
            raise NotSignedError

    def _work(self, run: Run, message: JobMessage, site: Site) -> None:
        request, deadline = message.request, Deadline.after(message.budget_s)
        observe = self._observers.of(message, run)
        self._running[run] = deadline
        if self._is_abandoning:  # it had begun, and was not seen among those that run
            self.abandon()
        try:
            if isinstance(request, InspectionRequest):
                run_inspection(request, site, run, deadline, observe)
            else:
                run_test(request, site, self._guard, run, deadline, observe, message.compared)
        finally:
            del self._running[run]


def _sealed_as(run: Run) -> str:
    """Return the ID of the job that the request was sealed for."""
    queued = _queued(run)
    return (queued and queued.sealed_as) or run.job_id


def _limited(site: Site, message: JobMessage, queued: Queued | None) -> Site:
    """Return the site restricted to the request's own token, and to the one that repeats it.

    Raises:
        ValidationError: what the latter may reach can't be read.
    """
    repeated_by = queued.repeated_by if queued else ""
    again = Allowance.model_validate_json(repeated_by) if repeated_by else Allowance()
    per_minute = (message.targets_per_minute, again.targets_per_minute)
    return site.limited_to(
        EachPolicy((message.policy, again.policy)),
        token=queued.token_name if queued else "",
        is_metered=message.is_metered or again.is_metered,
        targets_per_minute=min((most for most in per_minute if most), default=None),
    )


def _queued(run: Run) -> Queued | None:
    """Return the first entry of the job, if the run knows it."""
    return next((entry for entry in run.earlier if isinstance(entry, Queued)), None)


def _is_too_old(message: JobMessage, run: Run) -> bool:
    """Return whether nobody waits for the job any more, by the clock of Redis or by ours."""
    return max(run.began_at, datetime.now(UTC) - CLOCKS_AGREE_WITHIN) > message.start_by


def _may_have_signed_in(run: Run) -> bool:
    """Return whether an earlier run reached the sign-in, which is only done once."""
    return any(map(begins_sign_in, run.earlier))


def _close_unread(run: Run, why: Cause) -> None:
    now = run.now()
    cause = FoundCause.of(Finding(why), {})
    ended = StepEnded(at=now, step="dns_lookup", outcome="failed", took_ms=0, causes=(cause,))
    run.close(StepStarted(at=now, step="dns_lookup"), ended, status="finished")
