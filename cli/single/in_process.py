"""Test platforms in this process, by the same steps and the same policy as the service."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Thread
from typing import get_args

from shared.mock.story import mock_job, mock_story
from conncheck_client.models.events import EventKind, JobEvent
from cli.single.process_memory import ProcessMemory
from shared.diagnosis.entries import Closed, ClosedStatus, Entry, Queued, Started, StepEnded, StepStarted
from shared.request import JobRequest
from shared.diagnosis.report import Job, fold
from shared.settings import Network, Settings
from shared.diagnosis.translations import Language
from worker.deadline import Deadline
from worker.job import run_test
from worker.sign_in_guard import SignInGuard
from worker.site import Site

HERE = "this process"


@dataclass(slots=True, eq=False)
class LocalJob:
    """A test of this process: its journal, and who watches it."""

    deadline: Deadline
    entries: list[Entry]
    job_id: str = field(default_factory=lambda: secrets.token_hex(16))
    _told: SimpleQueue[JobEvent] = field(default_factory=SimpleQueue)

    def append(self, *entries: Entry) -> None:
        """Write `entries`, and tell who watches."""
        for entry in entries:
            self.entries.append(entry)
            self._told.put(self._event(entry))

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job."""
        self.append(*last, Closed(at=datetime.now(UTC), status=status))

    def events(self) -> Iterator[JobEvent]:
        """Give what happens to the job, to its end."""
        while True:
            event = self._told.get()
            yield event
            if event.kind == "closed":
                return

    def cancel(self) -> None:
        """Have the test end; its sockets are shut down."""
        self.deadline.cancellation.request()

    def job(self, language: Language = "en") -> Job:
        """Return all that is known of the job."""
        job = fold(tuple(self.entries))
        assert job is not None  # noqa: S101 -- its first entry makes it one
        return job.in_language(language)

    def _event(self, entry: Entry) -> JobEvent:
        assert entry.kind in get_args(EventKind)  # noqa: S101 -- the client knows every kind
        at = str(len(self.entries))
        if isinstance(entry, StepEnded):
            return JobEvent(at, entry.kind, entry.step, self.job().items[-1])
        step = entry.step if isinstance(entry, StepStarted) else None
        steps = entry.steps if isinstance(entry, Queued) else ()
        return JobEvent(at, entry.kind, step, steps=steps)


class InProcess:
    """What this process tests with: the operator's settings, and what was rejected so far."""

    def __init__(self, settings: Settings, networks: Sequence[Network] = ()) -> None:
        allowed = (*settings.allowed_networks, *networks)
        self._budget_s = settings.job_deadline_s
        self._site = Site.of(settings.model_copy(update={"allowed_networks": allowed}))
        self._guard = SignInGuard(ProcessMemory())

    def start(self, request: JobRequest) -> LocalJob:
        """Begin to test a platform, in a thread of its own; a mock is over at once."""
        job = self.begun(request)
        if request.options.mock:
            _answer_mock(request.options.mock, job)
            return job
        Thread(target=self.run, args=(request, job), daemon=True).start()
        return job

    def begun(self, request: JobRequest) -> LocalJob:
        """Return a job whose time runs from now on, for `run`."""
        now = datetime.now(UTC)
        queued = Queued(
            at=now,
            caller=HERE,
            product_type=request.product_type,
            endpoint=str(request.target),
            steps=request.steps,
        )
        budget_s = request.options.timeout_seconds or self._budget_s
        return LocalJob(Deadline.after(budget_s), [queued, Started(at=now, worker=HERE)])

    def run(self, request: JobRequest, job: LocalJob) -> None:
        """Run the job to its end, in this thread."""
        try:
            run_test(request, self._site, self._guard, job, job.deadline)
        finally:
            if not isinstance(job.entries[-1], Closed):  # a bug; who watches must not wait for ever
                job.close(status="lost")


def _answer_mock(mock: str, job: LocalJob) -> None:
    """Write what the service would say for `options.mock`; nothing is tested."""
    story = [entry for _, entry in mock_story(mock_job(mock), HERE)]
    del job.entries[:]
    job.append(*story)
