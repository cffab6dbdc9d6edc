"""The worker process: Celery's consumer with its one task."""

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.worker import state

from shared.products import PRODUCTS
from shared.queue import RUN_JOB, JobQueue, celery_app
from shared.queued_job import BULK, QueuedJob, QueueName
from shared.sealing import Opener
from shared.settings import Settings
from shared.stop_signals import exit_after, on_stop_signal
from shared.store.connection import connect
from shared.store.jobs.run_store import RunStore
from shared.store.limits.address_rate import AddressRate
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.limits.target_limit import TargetLimit
from shared.tracing import Tracer
from worker.consumer.background import Background
from worker.consumer.target_turns import TargetTurns
from worker.consumer.watchdog import Watchdog
from worker.job import JobRunner
from worker.metrics import Metrics
from worker.observer import Observers
from worker.sign_in_guard import SignInGuard
from worker.site import Site

BULK_NICE = 5  # on a shared machine, interactive tests go first


def serve(
    settings: Settings, redis_url: str, queue: QueueName, alive_file: Path | None = None
) -> None:
    """Take jobs from `queue` and run them until a stop signal comes.

    `alive_file` is touched every few seconds, also while Redis is away.
    """
    queue_url = settings.queue_url or redis_url
    job_queue = JobQueue(queue_url)
    watchdog = Watchdog(job_queue, queue, settings.worker_slots, alive_file)

    def stop_in_time() -> None:
        watchdog.stop()
        state.should_stop = 0  # Celery looks at it before it takes the next job
        # What is not finished by then is queued again when this worker's sign of life is gone.
        exit_after(settings.drain_s)

    on_stop_signal(stop_in_time, settings.drain_s)
    if queue == BULK:
        os.nice(BULK_NICE)
    watchdog.start()
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    store = RunStore(connect(redis_url), settings.result_ttl_s, name)
    metrics = Metrics(queue, settings.worker_slots)
    runner = _runner(settings, store, metrics)
    metrics.watch(lambda: runner.busy)
    limit = TargetLimit(store.round_trips, settings.per_target, name)
    turns = TargetTurns(limit, job_queue)
    background = Background(store, runner, [queue], metrics, turns)
    app = celery_app(queue_url)
    _add_task(app, watchdog, turns, runner)
    _celery_worker(app, settings, queue, [background.start, watchdog.worker_is_ready]).start()
    background.stop()


def _runner(settings: Settings, store: RunStore, metrics: Metrics) -> JobRunner:
    """Return what runs the jobs of this worker."""
    private_keys = [key.get_secret_value() for key in settings.sealing_private_keys]
    # Every worker has the newest key, and the store does not have it.
    guard = SignInGuard(SignInMemory(store.round_trips, private_keys[0].encode()))
    rate = AddressRate(store.round_trips, settings.address_rate)
    site = replace(Site.of(settings), address_rate=rate)
    site.trust.prepare()
    PRODUCTS.import_all()
    observers = Observers(metrics, Tracer.sending_to(settings.otlp_endpoint, "worker"))
    return JobRunner(store, Opener(private_keys), site, guard, observers)


def _add_task(app: Celery, watchdog: Watchdog, turns: TargetTurns, runner: JobRunner) -> None:
    """Give Celery its one task: run a job when it is its turn at the target."""

    def run_job(job_id: str, target: str, queue: QueueName) -> None:
        with watchdog.job(), turns.turn(QueuedJob(job_id, target, queue)) as is_ours:
            if is_ours:
                runner.run(job_id)

    app.task(run_job, name=RUN_JOB)


def _celery_worker(
    app: Celery, settings: Settings, queue: QueueName, when_ready: Sequence[Callable[[], None]]
) -> Any:
    """Return Celery's worker, which calls each of `when_ready` when it takes jobs."""

    def be_ready(**_: Any) -> None:
        for act in when_ready:
            act()

    def keep_logging(**_: Any) -> None:
        """Keep our own logging: Celery's would not be JSON."""

    # Celery would forget them at the end of this function: its references are weak by default.
    signals.worker_ready.connect(be_ready, weak=False)
    signals.setup_logging.connect(keep_logging, weak=False)
    return app.Worker(
        pool="threads",
        concurrency=settings.worker_slots,
        queues=[queue],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
