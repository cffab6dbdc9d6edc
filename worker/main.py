"""The worker process: Celery's consumer, its task, and the sign of life beside it."""

import os
import socket
from threading import Event, Thread
from typing import Any

from celery import signals

from shared.heartbeat import beat
from shared.job_store import RunStore
from shared.queue import QUEUES, RUN_JOB, celery_app
from shared.redis_connection import connect
from shared.sealing import Opener
from shared.settings import Settings
from worker.job import JobRunner
from worker.site import Site


def serve(settings: Settings, redis_url: str) -> None:
    """Take jobs from the queue and run them until told to stop (SIGTERM)."""
    redis = connect(redis_url)
    runner = JobRunner(
        name=f"{socket.gethostname()}:{os.getpid()}",
        store=RunStore(redis, settings.result_ttl_s),
        opener=Opener([key.get_secret_value() for key in settings.sealing_private_keys]),
        site=Site.of(settings),
    )
    app = celery_app(settings.queue_url or redis_url)
    app.task(runner.run, name=RUN_JOB)

    stop = Event()
    heart = Thread(target=beat, args=(redis, QUEUES, stop), daemon=True)

    def give_signs_of_life(**_: Any) -> None:
        heart.start()

    signals.worker_ready.connect(give_signs_of_life)
    # Our own logging stays as it is: Celery's would not be JSON.
    signals.setup_logging.connect(_keep_logging)
    try:
        app.Worker(
            pool="threads",
            concurrency=settings.worker_slots,
            queues=list(QUEUES),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        ).start()
    finally:
        stop.set()


def _keep_logging(**_: Any) -> None:
    return None
