"""Test platforms in this process, with the same steps and policy as the service."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Event, Thread

from cli.single.process_memory import ProcessMemory
from cli.terminal.shown import LocalEvent
from shared.diagnosis.entries import (
    Closed,
    ClosedStatus,
    Entry,
    Queued,
    Started,
    StepEnded,
    StepNoted,
    StepStarted,
)
from shared.diagnosis.report import Job
from shared.diagnosis.translations import Language
from shared.mock.story import mock_job, mock_story
from shared.reporting.fold import fold
from shared.request import JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.message import AnyRequest, first_entry
from shared.settings import Network, Settings
from shared.wire.inspections import Inspection, inspection
from worker.deadline import Deadline
from worker.http.sign_out import SIGN_OUT_S
from worker.journaled_run import run_inspection, run_test
from worker.sign_in_guard import SignInGuard
from worker.site import Site

HERE = "this process"
CANCEL_S = SIGN_OUT_S + 0.5


@dataclass(slots=True, eq=False)
class LocalJob:
    """A test in this process: its journal, and the events for its watcher."""

    deadline: Deadline
    entries: list[Entry]
    job_id: str = field(default_factory=lambda: secrets.token_hex(16))
    is_over: Event = field(default_factory=Event)
    _told: SimpleQueue[LocalEvent] = field(default_factory=SimpleQueue)

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def append(self, *entries: Entry) -> None:
        """Write `entries`, and notify the watcher."""
        for entry in entries:
            self.entries.append(entry)
            self._told.put(self._event(entry))
            if isinstance(entry, Closed):
                self.is_over.set()

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job."""
        self.append(*last, Closed(at=datetime.now(UTC), status=status))

    def events(self) -> Iterator[LocalEvent]:
        """Yield the job's events until it ends."""
        while True:
            event = self._told.get()
            yield event
            if event.kind == "closed":
                return

    def cancel(self) -> None:
        """Cancel the test, and wait until it has ended its session at the platform."""
        self.deadline.cancellation.request()
        self.is_over.wait(CANCEL_S)

    def job(self, language: Language = "en") -> Job:
        """Return all that is known of the job."""
        job = fold(tuple(self.entries))
        assert job is not None  # noqa: S101 -- its first entry makes it one
        return job.in_language(language)

    def inspection(self, language: Language = "en") -> Inspection:
        """Return what an inspection has found."""
        return inspection(self.job_id, self.job(language), language)

    def _event(self, entry: Entry) -> LocalEvent:
        if isinstance(entry, StepEnded):
            return LocalEvent(entry.kind, entry.step, self.job().items[-1])
        if isinstance(entry, StepNoted):
            noted = [item for item in self.job().items if item.name == entry.step]
            return LocalEvent(entry.kind, entry.step, noted[0])
        step = entry.step if isinstance(entry, StepStarted) else None
        steps = entry.steps if isinstance(entry, Queued) else ()
        return LocalEvent(entry.kind, step, steps=steps)


class InProcess:
    """Tests with the operator's settings, and remembers the key pairs that were rejected."""

    def __init__(self, settings: Settings, networks: Sequence[Network] = ()) -> None:
        allowed = (*settings.allowed_networks, *networks)
        self._budget_s = settings.job_deadline_s
        self._site = Site.of(settings.model_copy(update={"allowed_networks": allowed}))
        self._guard = SignInGuard(ProcessMemory())

    def start(self, request: JobRequest) -> LocalJob:
        """Start the test of a platform in a thread of its own; a mock is over at once."""
        job = self.begun(request)
        if request.options.mock:
            _answer_mock(request.options.mock, job)
            return job
        Thread(target=self.run, args=(request, job), daemon=True).start()
        return job

    def inspect(self, request: InspectionRequest) -> LocalJob:
        """Inspect the certificates of a host, and return the finished job."""
        job = self.begun(request)
        with _closed_at_the_end(job):
            run_inspection(request, self._site, job, job.deadline)
        return job

    def begun(self, request: AnyRequest) -> LocalJob:
        """Return a job for `run`; its time limit counts from now on."""
        if request.target.scheme == "https":
            self._site.trust.prepare()
        now = datetime.now(UTC)
        queued = first_entry(request, now, tenant=HERE)
        budget_s = request.options.timeout_seconds or self._budget_s
        return LocalJob(Deadline.after(budget_s), [queued, Started(at=now, worker=HERE)])

    def run(self, request: JobRequest, job: LocalJob) -> None:
        """Run the job to its end, in this thread."""
        with _closed_at_the_end(job):
            run_test(request, self._site, self._guard, job, job.deadline)


@contextmanager
def _closed_at_the_end(job: LocalJob) -> Iterator[None]:
    try:
        yield
    finally:
        if not isinstance(job.entries[-1], Closed):  # a bug; the watcher must not wait forever
            job.close(status="lost")


def _answer_mock(mock: str, job: LocalJob) -> None:
    """Write what the service would answer for `options.mock`; nothing is tested."""
    story = [entry for _, entry in mock_story(mock_job(mock), HERE)]
    del job.entries[:]
    job.append(*story)
