"""Run a test or an inspection to its end, recorded in a journal: in a worker or in a command."""

from contextlib import suppress

from shared.diagnosis.outcomes import Facts, Failed
from shared.reporting.job_facts import facts_of_inspection, facts_of_test
from shared.request import JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.message import ComparedPart
from worker.advice import Advice
from worker.deadline import Deadline
from worker.journal import Journal
from worker.pipeline import run_inspection_steps, run_steps
from worker.recorder import Observer, Recorder, ignore_step
from worker.redaction import Redactor
from worker.sign_in_guard import SignInGuard
from worker.site import Site


def run_test(
    request: JobRequest,
    site: Site,
    guard: SignInGuard,
    journal: Journal,
    deadline: Deadline,
    observe: Observer = ignore_step,
    compared: ComparedPart | None = None,
) -> None:
    """Run the steps, write their results to `journal`, and close it."""
    redact = Redactor(request.credentials)
    known, advise = known_facts(request), Advice(request.target, site)
    step = Recorder(journal, known, redact, deadline, site.investigate, observe, advise)
    sign_in = guard.watch(request, journal.job_id)
    failed = None
    try:
        run_steps(request, site, sign_in.refusal, step, deadline, compared)
    except Failed as error:  # it is recorded, and is the result of the test
        # The traceback would form a reference cycle, which keeps the key pair in memory.
        failed = error.with_traceback(None)
    step.finish()
    sign_in.learn(failed)


def run_inspection(
    request: InspectionRequest,
    site: Site,
    journal: Journal,
    deadline: Deadline,
    observe: Observer = ignore_step,
) -> None:
    """Inspect the certificates, write the result to `journal`, and close it."""
    known, redact = facts_of_inspection(request.target, request.product), Redactor()
    advise = Advice(request.target, site)
    step = Recorder(journal, known, redact, deadline, site.investigate, observe, advise)
    with suppress(Failed):  # it is recorded
        run_inspection_steps(request, site, step, deadline)
    step.finish()


def known_facts(request: JobRequest) -> Facts:
    """Return the facts that the texts of every step of the job can use."""
    return facts_of_test(request.target, request.product, verifies=request.options.tls.verify)
