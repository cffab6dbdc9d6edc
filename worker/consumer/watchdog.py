"""End a worker that takes none of the jobs that wait for it."""

import faulthandler
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread

from shared.queue.job_queue import JobQueue, QueueUnreachableError

_log = logging.getLogger(__name__)

LOOK_S = 2.0
# Looks in a row, so that a process that was stopped for a while is not found deaf when it goes on.
START_LOOKS = 15  # a busy machine takes a while to start a worker
DEAF_LOOKS = 7  # RabbitMQ's client notices in 8 s that its connection is dead


class Watchdog:
    """Watches that jobs arrive as long as some wait and this worker has room for them.

    A worker may be alive and deaf: its start hangs, or its consumer does not notice that it lost
    its connection. Whoever started it starts it again.

    `alive_file` is touched at each look, whether or not the queue can be reached.
    """

    def __init__(
        self, queue: JobQueue, queue_name: str, slots: int, alive_file: Path | None = None
    ) -> None:
        self._queue = queue
        self._queue_name = queue_name
        self._slots = slots
        self._alive_file = alive_file
        self._lock = Lock()
        self._at_work = 0
        self._arrived = 0
        self._arrived_before = 0
        self._deaf_looks = 0
        self._patience = START_LOOKS
        self._stop = Event()

    def start(self) -> None:
        """Watch from a thread of its own until `stop` is called."""
        Thread(target=self._run, name="watchdog", daemon=True).start()

    def worker_is_ready(self) -> None:
        """Expect from now on that jobs are taken soon."""
        self._patience, self._deaf_looks = DEAF_LOOKS, 0

    def stop(self) -> None:
        """Watch no more: the worker stops, and takes no job on purpose."""
        self._stop.set()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Count a job that has arrived, until it leaves."""
        with self._lock:
            self._at_work += 1
            self._arrived += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1

    def is_deaf(self) -> bool:
        """Look once, and return whether the worker has turned out to be deaf; blocks."""
        arrived = self._arrived
        try:
            takes_jobs = arrived != self._arrived_before or self._at_work >= self._slots
            is_well = takes_jobs or not self._queue.waiting(self._queue_name)
        except QueueUnreachableError:
            is_well = True  # there is nothing to hear
        self._arrived_before = arrived
        self._deaf_looks = 0 if is_well else self._deaf_looks + 1
        return self._deaf_looks >= self._patience

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            if self.is_deaf():
                _log.error("worker queue=%s outcome=deaf", self._queue_name)
                faulthandler.dump_traceback()  # to standard error: what all threads are at
                self._end()
                return
            self._tell_alive()

    def _tell_alive(self) -> None:
        if self._alive_file:
            with suppress(OSError):  # it gets old then, which is noticed
                self._alive_file.touch()

    def _end(self) -> None:
        """Let the jobs at work end, as after a stop signal, and then the process."""
        if self._at_work:
            os.kill(os.getpid(), signal.SIGTERM)
        while self._at_work:
            time.sleep(LOOK_S)
        os._exit(1)  # Celery's thread may not be able to
