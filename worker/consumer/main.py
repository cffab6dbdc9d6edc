"""The worker process: Celery's consumer with its one task."""

import os
import secrets
import socket
from dataclasses import replace
from threading import Timer
from typing import Any

from celery import signals

from shared.store.limits.address_rate import AddressRate
from shared.queue import RUN_JOB, JobQueue, celery_app
from shared.queued_job import BULK, QueuedJob, QueueName
from shared.store.connection import connect
from shared.store.jobs.run_store import RunStore
from shared.sealing import Opener
from shared.settings import Settings
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.limits.target_limit import TargetLimit
from shared.tracing import Tracer
from worker.consumer.background import Heart
from worker.job import JobRunner
from worker.consumer.target_turns import Line
from worker.metrics import Metrics
from worker.observer import Observers
from worker.sign_in_guard import SignInGuard
from worker.site import Site

BULK_NICE = 5  # on a machine that both share, somebody who waits goes first


def serve(settings: Settings, redis_url: str, queue: QueueName) -> None:
    """Take jobs from `queue` and run them until told to stop (SIGTERM)."""
    if queue == BULK:
        os.nice(BULK_NICE)
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    redis = connect(redis_url)
    store = RunStore(redis, settings.result_ttl_s, name)
    private_keys = [key.get_secret_value() for key in settings.sealing_private_keys]
    # Every worker has the newest key, and no store does.
    guard = SignInGuard(SignInMemory(store.round_trips, private_keys[0].encode()))
    rate = AddressRate(store.round_trips, settings.address_rate)
    site = replace(Site.of(settings), address_rate=rate)
    metrics = Metrics(queue, settings.worker_slots)
    observers = Observers(metrics, Tracer.sending_to(settings.otlp_endpoint, "worker"))
    runner = JobRunner(store, Opener(private_keys), site, guard, observers)
    metrics.watch(lambda: runner.busy)
    heart = Heart(store, runner, [queue], metrics)
    app = celery_app(settings.queue_url or redis_url)
    limit = TargetLimit(store.round_trips, settings.per_target)
    line = Line(limit, JobQueue(settings.queue_url or redis_url))

    def run_job(job_id: str, target: str, queue: QueueName) -> None:
        with line.turn(QueuedJob(job_id, target, queue)) as is_ours:
            if is_ours:
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
        queues=[queue],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    ).start()
    heart.stop()
