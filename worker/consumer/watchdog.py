"""End a worker that hears nothing of the jobs that wait for it."""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueueName

_log = logging.getLogger(__name__)

LOOK_S = 2.0
DEAF_S = 10.0  # a worker that was started anew is then in time for a job with the usual budget


class Watchdog:
    """Watches that jobs arrive as long as there are some and this worker has room for them.

    A worker may be alive and deaf: its start hangs, or its consumer does not notice that it lost
    its connection. Whoever started it starts it again.
    """

    def __init__(
        self,
        queue: JobQueue,
        name: QueueName,
        slots: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._name = name
        self._slots = slots
        self._now_s = now_s
        self._lock = Lock()
        self._at_work = 0
        self._well_at_s = now_s()
        self._stop = Event()

    def start(self) -> None:
        """Watch from a thread of its own until `stop` is called."""
        Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more: from now on no job is taken on purpose."""
        self._stop.set()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Count a job that has arrived, until it leaves."""
        with self._lock:
            self._at_work += 1
            self._well_at_s = self._now_s()
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                self._well_at_s = self._now_s()

    def is_deaf(self) -> bool:
        """Return whether jobs have waited for long that this worker has room for; blocks."""
        try:
            is_well = self._at_work >= self._slots or not self._queue.waiting(self._name)
        except QueueUnreachableError:
            is_well = True  # there is nothing to hear
        if is_well:
            self._well_at_s = self._now_s()
        return self._now_s() - self._well_at_s > DEAF_S

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            if self.is_deaf():
                stack = _stack_of_main_thread()
                _log.error("worker queue=%s outcome=deaf stack=%s", self._name, stack)
                self._end()
                return

    def _end(self) -> None:
        if self._at_work:
            os.kill(os.getpid(), signal.SIGTERM)  # the jobs at work are finished first
        else:
            os._exit(1)


def _stack_of_main_thread() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    return "".join(traceback.format_stack(frame))
