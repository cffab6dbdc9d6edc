"""The worker process: Celery's consumer with its one task."""

import os
import secrets
import socket
from threading import Timer
from typing import Any

from celery import signals

from shared.queue import QUEUES, RUN_JOB, celery_app
from shared.redis_connection import connect
from shared.run_store import RunStore
from shared.sealing import Opener
from shared.settings import Settings
from worker.heart import Heart
from worker.job import JobRunner
from worker.site import Site


def serve(settings: Settings, redis_url: str) -> None:
    """Take jobs from the queue and run them until told to stop (SIGTERM)."""
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    store = RunStore(connect(redis_url), settings.result_ttl_s, name)
    opener = Opener([key.get_secret_value() for key in settings.sealing_private_keys])
    runner = JobRunner(store, opener, Site.of(settings))
    heart = Heart(store, runner, QUEUES)
    app = celery_app(settings.queue_url or redis_url)

    def run_job(job_id: str) -> None:
        runner.run(job_id)

    app.task(run_job, name=RUN_JOB)

    def begin_to_beat(**_: Any) -> None:
        heart.start()

    def leave_in_time(**_: Any) -> None:
        # What is not finished by then is queued again when this worker's sign of life is gone.
        timer = Timer(settings.drain_s, os._exit, (0,))
        timer.daemon = True
        timer.start()

    def keep_logging(**_: Any) -> None:
        """Leave our own logging as it is: Celery's would not be JSON."""

    signals.worker_ready.connect(begin_to_beat)
    signals.worker_shutting_down.connect(leave_in_time)
    signals.setup_logging.connect(keep_logging)
    app.Worker(
        pool="threads",
        concurrency=settings.worker_slots,
        queues=list(QUEUES),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    ).start()
    heart.stop()
