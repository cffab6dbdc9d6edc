"""The worker process: Celery's consumer with its one task."""

import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.worker import state

from shared.distance import Distance
from shared.products import PRODUCTS
from shared.queue.job_queue import JobQueue, QueueUnreachableError, celery_app
from shared.queue.queued_job import BULK, RUN_JOB, QueuedJob, QueueName, queue_name
from shared.queue.taken_messages import TakenMessages
from shared.sealing import Opener
from shared.settings import Settings
from shared.signing import Verifier
from shared.stop_signals import exit_after, on_stop_signal
from shared.store.connection import connect, open_ahead
from shared.store.jobs.run_store import RunStore
from shared.store.limits.address_rate import AddressRate
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.limits.target_limit import TurnLimits
from shared.store.limits.visit_limits import VisitLimits
from shared.store.site_keys import SiteKeys
from shared.tracing import Tracer
from worker.consumer.background import Background
from worker.consumer.own_record import OwnRecord
from worker.consumer.watchdog import Watchdog
from worker.http.sign_out import SIGN_OUT_S
from worker.job import JobRunner
from worker.metrics import Metrics
from worker.observer import Observers
from worker.rejection_secrets import RejectionSecrets
from worker.sign_in_guard import SignInGuard
from worker.site import Site, canaries_of
from worker.visits import Visits

_log = logging.getLogger(__name__)

BULK_NICE = 5  # on a shared machine, interactive tests go first


def serve(
    settings: Settings, redis_url: str, queue: QueueName, alive_file: Path | None = None
) -> None:
    """Take jobs from `queue` and run them until a stop signal comes.

    `alive_file` is touched every few seconds, also while Redis is away.

    Raises:
        SystemExit: Celery's worker has given up.
    """
    queue_url = settings.queue_url or redis_url
    keys = SiteKeys.of(settings.site)
    own_queue = queue_name(queue, keys.site)
    distance = Distance.of(keys.site)
    job_queue = JobQueue(queue_url, distance)
    watchdog = Watchdog(job_queue, own_queue, settings.worker_slots, alive_file)
    before_the_end: list[Callable[[], None]] = []

    def stop_in_time() -> None:
        watchdog.stop()
        state.should_stop = 0  # Celery looks at it before it takes the next job
        time.sleep(settings.drain_s)
        # What is not finished by now is queued again when this worker's sign of life is gone.
        for act in before_the_end:
            act()
        exit_after(SIGN_OUT_S)

    on_stop_signal(stop_in_time, settings.drain_s)
    if queue == BULK:
        step_back()
    watchdog.start()
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    redis = connect(redis_url, distance)
    open_ahead(redis, distance.connections)
    limits = TurnLimits(settings.per_target, settings.tenant_share, queue, settings.worker_slots)
    send = partial(_send, job_queue)
    store = RunStore(redis, settings.result_ttl_s, name, limits, send, keys)
    trips = store.round_trips
    visits = Visits(VisitLimits(redis, trips, settings.target_rate, settings.per_target, keys))
    metrics = Metrics(queue, settings.worker_slots)
    private_keys = [key.get_secret_value() for key in settings.sealing_private_keys]
    opener, verifier = Opener(private_keys, keys.site), _verifier(settings)
    # Every worker of the site has the newest key, and the store does not have it.
    memory = SignInMemory(trips, private_keys[0].encode(), keys)
    shared = RejectionSecrets(trips, keys, verifier, opener, memory) if verifier else None
    site = _site(settings, store, visits, keys)
    observers = Observers(metrics, Tracer.sending_to(settings.otlp_endpoint, "worker"))
    runner = JobRunner(store, opener, site, SignInGuard(memory), verifier, observers)
    before_the_end.append(runner.abandon)
    metrics.watch(lambda: runner.busy)
    slots = {queue: settings.worker_slots}
    taken = TakenMessages(keys.taken_by(name), own_queue, keys)
    own = OwnRecord(queue, canaries_of(settings))
    background = Background(store, runner, slots, metrics, job_queue, taken, own, shared)
    app = celery_app(queue_url, taken, [own_queue], distance)
    _add_task(app, watchdog, runner, keys.site)
    when_ready = [background.start, watchdog.worker_is_ready]
    try:
        consume(_celery_worker(app, settings, own_queue, when_ready))
    finally:
        background.stop()
        with suppress(QueueUnreachableError):  # the API does it when it misses this worker
            job_queue.give_back(taken)


def step_back() -> None:
    """Let the other processes of this machine go first; call it before there are threads."""
    os.nice(BULK_NICE)
    if sys.platform != "linux":
        return
    # A thread of a batch that wakes up does not interrupt who is running.
    with suppress(OSError):  # a sandbox may refuse it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # Linux may compare sessions as a whole, with a nice value of their own (sched(7), autogroup).
    # `up` gives each part a session; that of a terminal is not ours to change.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(BULK_NICE))


def consume(celery_worker: Any) -> None:
    """Take jobs until Celery's worker stops.

    Raises:
        SystemExit: it has given up, which it does not raise itself.
    """
    celery_worker.start()
    if celery_worker.exitcode:
        sys.exit(celery_worker.exitcode)


def _site(settings: Settings, store: RunStore, visits: Visits, keys: SiteKeys) -> Site:
    """Return what is the same for all jobs of this worker, once it can be used at once."""
    rate = AddressRate(store.round_trips, settings.address_rate, keys)
    site = replace(Site.of(settings), address_rate=rate, visits=visits)
    site.trust.prepare()
    PRODUCTS.import_all()
    return site


def _verifier(settings: Settings) -> Verifier | None:
    """Return what recognizes the API's signatures; None where jobs are run without."""
    return Verifier(settings.signing_public_keys) if settings.signing_public_keys else None


def _send(queue: JobQueue, jobs: Sequence[QueuedJob]) -> bool:
    """Put jobs in their queues; return whether the broker took them."""
    try:
        queue.send(jobs)
    except QueueUnreachableError:
        _log.warning("calls=%d queue=unreachable", len(jobs))
        return False
    return True


def _add_task(app: Celery, watchdog: Watchdog, runner: JobRunner, site: str) -> None:
    """Give Celery its one task: run a job if it is its turn.

    An older API says less in its messages, and a newer one may say more.
    """

    def run_job(
        job_id: str, target: str, queue: QueueName, share_of: str = "", *_: Any, **__: Any
    ) -> None:
        with watchdog.job():
            runner.run(QueuedJob(job_id, target, queue, share_of, site))

    app.task(run_job, name=RUN_JOB)


def _celery_worker(
    app: Celery, settings: Settings, own_queue: str, when_ready: Sequence[Callable[[], None]]
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
        queues=[own_queue],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
