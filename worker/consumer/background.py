"""The background threads of a worker: heartbeat, cancellations, writing, telling, turns, queue."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread

from shared.outage_log import OutageLog
from shared.queue.job_queue import JobQueue, QueueUnreachableError
from shared.queue.queued_job import INTERACTIVE, QueueName
from shared.queue.taken_messages import TakenMessages
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.run_store import RunStore
from worker.consumer.own_record import OwnRecord
from worker.job import JobRunner
from worker.metrics import Metrics
from worker.rejection_secrets import RejectionSecrets

_log = logging.getLogger(__name__)

BEAT_S = 0.5
TELL_S = 2.0
LOOK_S = 60.0
SWEEP_S = 2.0
# Most bulk tests are over within their second: they are written before the sign-in and at the end.
WRITE_BULK_S = 1.0


class Background:
    """Six threads that run as long as the worker does."""

    def __init__(
        self,
        store: RunStore,
        runner: JobRunner,
        slots: Mapping[QueueName, int],
        metrics: Metrics,
        queue: JobQueue,
        taken: TakenMessages,
        own: OwnRecord,
        shared: RejectionSecrets | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._taken = taken
        self._metrics = metrics
        self._own = own
        self._shared = shared
        self._runner = runner
        self._slots = slots
        self._stop = Event()

    def start(self) -> None:
        """Start the heartbeat and the other threads."""
        for work in (
            self._beat,
            self._listen,
            self._write,
            self._tell,
            self._look,
            self._sweep,
        ):
            Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """Stop all threads: no new job is expected any more."""
        self._stop.set()

    def _beat(self) -> None:
        outage = OutageLog(_log, "heartbeat store=unreachable")
        while not self._stop.is_set():
            try:
                self._store.signs.beat(self._slots)
                outage.back()
            except StoreUnreachableError as error:
                outage.away(type(error.__cause__).__name__)
            self._stop.wait(BEAT_S)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                for job_id in self._store.signs.cancellations():
                    self._runner.cancel(job_id)
            except StoreUnreachableError:
                self._stop.wait(BEAT_S)

    def _tell(self) -> None:
        while not self._stop.wait(TELL_S):
            with suppress(StoreUnreachableError):  # the heartbeat logs it
                self._store.signs.tell_figures(self._metrics.text())
                self._own.note_clock(self._store.signs.tell_record(self._own.as_it_is()))

    def _look(self) -> None:
        while not self._stop.is_set():
            self._own.look_at_canaries()
            self._stop.wait(LOOK_S)

    def _sweep(self) -> None:
        self._learn()
        while not self._stop.wait(SWEEP_S):
            self._learn()
            self._store.catch_up()
            with suppress(QueueUnreachableError):  # the next sweep does it
                self._queue.tidy(self._taken)

    def _learn(self) -> None:
        if self._shared:
            with suppress(StoreUnreachableError):
                self._shared.look()

    def _write(self) -> None:
        distance = self._store.distance
        every_s = distance.write_every_s if INTERACTIVE in self._slots else WRITE_BULK_S
        while not self._stop.wait(every_s):
            self._store.write_all(distance.write_after_s)
