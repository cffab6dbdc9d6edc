"""A run takes its turn as it begins, and whoever ends calls the next jobs."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import Redis

from shared.queue.queued_job import BULK, INTERACTIVE, QueuedJob, QueueName
from shared.store.connection import connect
from shared.store.errors import JobWaitsError, RunGivenUpError, StoreUnreachableError
from shared.store.jobs.job_stream import (
    Appender,
)
from shared.store.jobs.run import Run
from shared.store.jobs.run_store import RunStore
from shared.store.site_keys import DEFAULT_KEYS
from tests.network.tcp_proxy import TcpProxy, tcp_proxy
from tests.running.own_redis import OwnRedis
from tests.running.service import poll
from tests.shared.conftest import TTL_S, Backend, turn_limits
from tests.shared.diagnosis.stories import queued, requeued, step
from tests.shared.store.jobs.jobs import create, kinds, mending, new_job
from tests.shared.store.round_trips import round_trips_of

TARGET = "cloud.example.com:8080"
WITHIN_S = 10
TESTS = 20
TESTING = f"conncheck:target:{TARGET}:testing"


@dataclass
class Worker:
    """A worker at targets that take one test at a time, and the jobs that it has called."""

    redis: Redis
    name: str = "w1"
    takes_calls: bool = True
    patience_s: float = WITHIN_S
    called: list[QueuedJob] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = turn_limits(1, own_slots=4)
        self.store = RunStore(
            self.redis, TTL_S, self.name, limits, self._send, DEFAULT_KEYS, self.patience_s
        )

    def _send(self, jobs: Sequence[QueuedJob]) -> bool:
        self.called += jobs if self.takes_calls else ()
        return self.takes_calls

    def begin(self, job: QueuedJob) -> Run | None:
        """Return the run of a job that has been queued, None if it waits."""
        if not self.redis.exists(DEFAULT_KEYS.job(job.job_id)):
            self.queue(job)
        try:
            return self.store.begin(job)
        except JobWaitsError:
            return None

    def queue(self, job: QueuedJob) -> None:
        """Let a worker be waited for by the job."""
        self.redis.xadd(DEFAULT_KEYS.job(job.job_id), {"entry": queued().model_dump_json()}, "0-1")

    def begun(self, job: QueuedJob) -> Run:
        """Return the run of a job whose turn it is."""
        run = self.begin(job)
        assert run
        return run

    @contextmanager
    def running(self, job: QueuedJob) -> Iterator[Run]:
        """Run a job whose turn it is while the block runs."""
        run = self.begun(job)
        yield run
        run.close(status="finished")


def job(job_id: str, queue: QueueName = INTERACTIVE, target: str = TARGET) -> QueuedJob:
    return QueuedJob(job_id, target, queue)


@pytest.fixture
def worker(real_redis: Redis) -> Worker:
    """Give a worker."""
    return Worker(real_redis)


def test_who_waits_is_called_when_the_turn_is_free(worker: Worker) -> None:
    """No worker stands about for it meanwhile."""
    with worker.running(job("a")):
        assert worker.begin(job("b")) is None
        assert worker.called == []

    assert worker.called == [job("b")]
    assert worker.begin(job("b"))


def test_a_job_that_waits_has_not_begun(real: Backend) -> None:
    """It is shown as queued, and no worker is at it."""
    worker = Worker(real.sync)
    create(real, new_job("b"))

    with worker.running(job("a")):
        assert worker.begin(job("b")) is None

    assert kinds(real, "b") == ["queued"]
    assert real.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == set()
    assert real.api(lambda store: store.workload.waiting()) == ["b"]


def test_a_test_takes_three_round_trips(worker: Worker) -> None:
    """It takes its turn as it begins, and gives it back as it ends."""
    jobs = [job(f"{n}") for n in range(TESTS)]
    for one in jobs:
        worker.queue(one)

    with round_trips_of(worker.redis) as made:
        for one in jobs:
            run = worker.store.begin(one)
            run.append(step("authenticate")[0])
            run.close(status="finished")

    assert made() < 4 * TESTS  # but for fsyncs that are waited for


def test_who_is_called_comes_back_through_its_own_queue(worker: Worker) -> None:
    """A test of a batch must not take the place of somebody who waits."""
    worker.redis.set(DEFAULT_KEYS.sign_of_queue(BULK), 1)
    with worker.running(job("a")):
        assert worker.begin(job("b", BULK)) is None

    assert worker.called == [job("b", BULK)]


def test_a_job_of_a_share_takes_a_turn_without_a_target(worker: Worker) -> None:
    """Its caller has forced it, and has no more slots for that; here the share is two."""
    jobs = [QueuedJob(job_id, "", INTERACTIVE, "alice") for job_id in ("a", "b", "c")]
    with worker.running(jobs[0]):
        assert worker.begin(jobs[1])
        assert worker.begin(jobs[2]) is None

    assert worker.called == [jobs[2]]


def test_an_operator_s_job_without_a_target_takes_no_turn(worker: Worker) -> None:
    """It was forced, and has no share."""
    with worker.running(job("a", target="")), worker.running(job("b", target="")):
        assert not worker.redis.exists(DEFAULT_KEYS.turns_of("w1"))


def test_a_second_delivery_leaves_the_turn_to_the_run(worker: Worker) -> None:
    """The platform would be tested by more at once than may."""
    with worker.running(job("a")):
        with pytest.raises(RunGivenUpError):
            worker.begin(job("a"))
        worker.store.catch_up()
        assert worker.begin(job("b")) is None

    assert worker.called == [job("b")]
    assert worker.redis.zrange(TESTING, 0, -1) == [b"b"]  # for which it is kept


def test_a_second_delivery_of_a_job_that_waits_waits(worker: Worker) -> None:
    """A job is called twice when two turns end at once, and may come twice to one worker."""
    other = Worker(worker.redis, "w2")
    with other.running(job("a")):
        assert [worker.begin(job("b")) for _ in range(2)] == [None, None]

    assert other.called == [job("b")]


def test_a_job_that_is_delivered_many_times_at_once_runs_once(worker: Worker) -> None:
    """Two hundred threads may each be handed the same message."""
    worker.queue(job("a"))

    def deliver(_: int) -> bool:
        try:
            return bool(worker.begin(job("a")))
        except RunGivenUpError:
            return False

    with ThreadPoolExecutor(8) as threads:
        begun = [*threads.map(deliver, range(200))]

    assert begun.count(True) == 1
    worker.store.catch_up()
    assert worker.redis.zrange(TESTING, 0, -1) == [b"a"]


def test_a_job_whose_turn_was_taken_away_needs_another(worker: Worker) -> None:
    """The reaper has queued it again, and this worker's old run of it is not over yet."""
    torn_from(worker, worker.begun(job("a")))
    other = Worker(worker.redis, "w2").begun(job("b"))

    assert worker.begin(job("a")) is None

    other.close(status="finished")


def torn_from(worker: Worker, run: Run) -> None:
    """Take the run from its worker and queue its job again, as the reaper does."""
    limit = Worker(worker.redis, worker.name).store
    with worker.redis.pipeline(transaction=False) as pipe:
        Appender(TTL_S, DEFAULT_KEYS).queue(pipe, run.job_id, [("2-0", requeued())])
        pipe.execute()
    limit.catch_up()


def test_the_turn_of_a_second_run_outlives_the_first(worker: Worker) -> None:
    """A worker that was cut off may be given its own job back before it is done with it."""
    first = worker.begun(job("a"))
    torn_from(worker, first)
    second = worker.begun(job("a"))

    with pytest.raises(RunGivenUpError):
        first.close(status="finished")
    worker.store.leave(first)

    assert worker.begin(job("b")) is None
    second.close(status="finished")
    assert worker.called == [job("b")]


def test_a_run_that_was_given_up_gives_its_turn_back(real: Backend) -> None:
    """Its platform could not be tested for eleven minutes."""
    worker = Worker(real.sync)
    create(real, new_job("a"))
    run = worker.begun(job("a"))
    assert worker.begin(job("b")) is None
    real.api(lambda store: store.closer.close("a", "cancelled"))

    with pytest.raises(RunGivenUpError):
        run.close(status="finished")
    worker.store.leave(run)

    assert worker.called == [job("b")]
    assert real.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == set()


def test_a_job_that_is_over_when_it_is_called_passes_its_turn_on(real: Backend) -> None:
    """It was cancelled while it stood in line; those behind it must not wait for it."""
    worker = Worker(real.sync)
    for job_id in ("b", "c"):
        create(real, new_job(job_id))
    with worker.running(job("a")):
        assert [worker.begin(job(job_id)) for job_id in ("b", "c")] == [None, None]
    assert worker.called == [job("b")]
    real.api(lambda store: store.closer.close("b", "cancelled"))

    with pytest.raises(RunGivenUpError):
        worker.begin(job("b"))

    assert worker.called == [job("b"), job("c")]
    assert worker.begin(job("c"))


def test_a_job_that_is_over_leaves_its_line(real: Backend) -> None:
    """It would be called for nothing."""
    worker = Worker(real.sync)
    create(real, new_job("b"))
    with worker.running(job("a")):
        assert worker.begin(job("b")) is None
        real.api(lambda store: store.closer.close("b", "cancelled"))
        with pytest.raises(RunGivenUpError):
            worker.begin(job("b"))

    assert worker.called == []


@pytest.fixture
def cuttable(real_redis: Redis, redis_url: str) -> Iterator[tuple[Worker, TcpProxy]]:
    """Give a worker that asks again, and its path to Redis."""
    with (
        tcp_proxy(Path(redis_url.removeprefix("unix://"))) as path,
        connect(f"redis://127.0.0.1:{path.port}") as redis,
    ):
        yield Worker(redis), path


def test_a_beginning_whose_answer_is_lost_is_one(cuttable: tuple[Worker, TcpProxy]) -> None:
    """The run has begun, and is not taken for that of another worker."""
    worker, path = cuttable
    worker.queue(job("a"))

    path.hold_answers_from(b"started")
    with mending(path.heal) as mender:
        run = worker.begun(job("a"))

    assert mender.outages == 1
    assert [entry.kind for entry in run.earlier] == ["queued"]
    run.close(status="finished")
    assert not worker.redis.exists(TESTING)


def test_an_end_whose_answer_is_lost_calls_in_the_end(cuttable: tuple[Worker, TcpProxy]) -> None:
    """It named who stands next."""
    worker, path = cuttable
    run = worker.begun(job("a"))
    assert worker.begin(job("b")) is None

    path.hold_answers_from(b"closed")
    with mending(path.heal):
        run.close(status="finished")
    assert worker.called == []

    worker.store.catch_up()
    assert worker.called == []  # it may just be made
    worker.store.catch_up()

    assert worker.called == [job("b")]


def test_a_turn_whose_run_could_not_be_begun_is_released(own_redis: OwnRedis) -> None:
    """Redis did what it was asked when it went on; four such turns shut a platform out."""
    with connect(own_redis.url) as redis:
        worker = Worker(redis, patience_s=0)
        worker.begun(job("before")).close(status="finished")  # Redis knows the scripts now
        worker.queue(job("a"))
        with own_redis.hung(), pytest.raises(StoreUnreachableError):
            worker.store.begin(job("a"))
        poll(lambda: bool(redis.exists(TESTING)))
        worker.store.catch_up()

        assert worker.begin(job("b"))


def test_a_broker_that_comes_back_is_sent_who_stands_next(worker: Worker) -> None:
    """Nobody else would call it while the platform is tested again and again."""
    worker.takes_calls = False
    with worker.running(job("a")):
        assert worker.begin(job("b")) is None
    worker.store.catch_up()
    assert worker.redis.smembers(DEFAULT_KEYS.calls_of("w1")) == {
        b"interactive:b " + TARGET.encode()
    }

    worker.takes_calls = True
    worker.store.catch_up()

    assert worker.called == [job("b")]
    assert worker.redis.smembers(DEFAULT_KEYS.calls_of("w1")) == set()
