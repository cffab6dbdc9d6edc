from collections.abc import Awaitable, Callable

import fakeredis
import pytest

from shared.queue.queued_job import QueuedJob
from shared.silence import Silence
from shared.site_name import DEFAULT_SITE
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from shared.store.limits.target_limit import Turn
from tests.shared.conftest import Backend
from tests.shared.store.jobs.jobs import (
    JOB,
    MOST_QUEUED,
    QUEUE,
    new_job,
)

OPERATIONS: dict[str, Callable[[JobStore], Awaitable[object]]] = {
    "create": lambda store: store.creation.create(new_job(), MOST_QUEUED),
    "create_all": lambda store: store.creation.create_all([new_job()]),
    "close_waiting": lambda store: store.closer.close_waiting([JOB]),
    "look": lambda store: store.reader.look([JOB]),
    "read_all": lambda store: store.reader.read_all([JOB]),
    "queued_job": lambda store: store.reader.queued_job(JOB),
    "turns_of": lambda store: store.dead_workers.turns_of("w1"),
    "release_turn": lambda store: store.dead_workers.release_turn("w1", Turn(JOB, "t")),
    "calls_of": lambda store: store.dead_workers.calls_of("w1"),
    "forget_call": lambda store: store.dead_workers.forget_call("w1", QueuedJob(JOB, "t")),
    "is_served": lambda store: store.workload.is_served(QUEUE),
    "read": lambda store: store.reader.read(JOB),
    "story": lambda store: store.reader.story(JOB),
    "close": lambda store: store.closer.close(JOB, "cancelled"),
    "expire": lambda store: store.closer.expire(JOB),
    "cancel": lambda store: store.closer.cancel(JOB),
    "give_up_run": lambda store: store.dead_workers.give_up_run(JOB, "w1"),
    "overdue": lambda store: store.workload.overdue(),
    "waiting": lambda store: store.workload.waiting(),
    "oldest_start_by": lambda store: store.workload.oldest_start_by(),
    "silent_workers": lambda store: store.dead_workers.silent_workers(Silence.of(DEFAULT_SITE)),
    "stand_first": lambda store: store.dead_workers.stand_first(QueuedJob(JOB, "t")),
    "jobs_of": lambda store: store.dead_workers.jobs_of("w1"),
    "forget_job_of": lambda store: store.dead_workers.forget_job_of("w1", JOB),
    "forget_worker": lambda store: store.dead_workers.forget_worker("w1"),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_store_that_is_away_is_named_so(
    operation: Callable[[JobStore], Awaitable[object]],
) -> None:
    """The API answers 503 to that and to nothing else."""
    server = fakeredis.FakeServer()
    server.connected = False
    away = Backend(
        fakeredis.FakeRedis(server=server), lambda: fakeredis.FakeAsyncRedis(server=server)
    )

    with pytest.raises(StoreUnreachableError):
        away.api(operation)
