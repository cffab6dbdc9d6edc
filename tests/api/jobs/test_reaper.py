from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from shared.diagnosis.entries import StepStarted
from shared.diagnosis.report import JobStatus
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import BULK, INTERACTIVE, QueuedJob
from shared.silence import Silence
from shared.site_name import DEFAULT_SITE
from shared.store.connection import connect, connect_async
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.run import Run
from shared.store.limits.target_limit import (
    Turn,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.api.broker import queued_jobs
from tests.api.jobs.reaping import beating, reaping
from tests.network.tcp_proxy import HOST, tcp_proxy
from tests.running.own_redis import OwnRedis
from tests.running.service import poll
from tests.shared.conftest import Backend, forced, turn_limits
from tests.shared.store.jobs.jobs import create, new_job
from tests.shared.store.limits.turns import Turns

NOW = datetime.now(UTC)
NEAR = Silence.of(DEFAULT_SITE)


@pytest.fixture
def backend(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis, which is store and broker."""
    return backend_of(redis_url, real_redis)


def backend_of(url: str, redis: Redis) -> Backend:
    return Backend(redis, lambda: connect_async(url))


def taken(backend: Backend, worker: str, job_id: str = "job") -> Run:
    """Return the run of a new job that a living worker has taken."""
    backend.worker(worker).signs.beat({})
    create(backend, new_job(job_id))
    return backend.worker(worker).begin(forced(job_id))


def silence(backend: Backend, worker: str) -> None:
    """Let the worker's sign of life end."""
    backend.sync.delete(DEFAULT_KEYS.sign_of_worker(worker))


def status(backend: Backend, job_id: str = "job") -> JobStatus:
    job = backend.api(lambda store: store.reader.read(job_id))
    assert job
    return job.status


def is_known(backend: Backend, worker: str) -> bool:
    return bool(backend.sync.sismember(DEFAULT_KEYS.workers, worker))


def test_a_job_that_nobody_began_in_time_expires(backend: Backend, redis_url: str) -> None:
    """Its caller hears of it instead of waiting for ever."""
    create(backend, new_job("late", start_within_s=-1))
    create(backend, new_job("in-time"))

    with reaping(redis_url):
        poll(lambda: status(backend, "late") == "expired")

    assert status(backend, "in-time") == "queued"


def test_a_job_that_should_long_be_over_is_lost(backend: Backend, redis_url: str) -> None:
    """A worker that lives but has forgotten a job must not keep its caller waiting."""
    taken(backend, "forgetful")
    backend.sync.zadd(DEFAULT_KEYS.running, {"job": 1})

    with beating(backend.worker("forgetful")), reaping(redis_url):
        poll(lambda: status(backend) == "lost")


def test_the_jobs_of_a_dead_worker_are_queued_again_and_those_of_a_living_one_are_not(
    backend: Backend, redis_url: str
) -> None:
    """Two workers at one platform would sign in twice."""
    taken(backend, "dead", "of-dead")
    taken(backend, "living", "of-living")
    silence(backend, "dead")

    with beating(backend.worker("living")), reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert status(backend, "of-dead") == "queued"
    assert status(backend, "of-living") == "running"
    assert queued_jobs(backend.sync) == ["of-dead"]
    assert is_known(backend, "living")


def test_a_job_whose_dead_worker_may_have_signed_in_is_lost(
    backend: Backend, redis_url: str
) -> None:
    """A second sign-in could be the one that locks the account."""
    run = taken(backend, "dead")
    run.append(StepStarted(at=datetime.now(UTC), step="authenticate"))
    silence(backend, "dead")

    with reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert status(backend) == "lost"
    assert queued_jobs(backend.sync) == []


def test_what_a_dead_worker_had_finished_stays_finished(backend: Backend, redis_url: str) -> None:
    """It may have died just after its last word."""
    taken(backend, "dead").close(status="finished")
    silence(backend, "dead")

    with reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert status(backend) == "finished"
    assert queued_jobs(backend.sync) == []


def test_two_reapers_at_once_do_it_once(backend: Backend, redis_url: str) -> None:
    """Each API process has one, and all of them see the same dead worker."""
    jobs = [f"job-{number}" for number in range(20)]
    for job_id in jobs:
        taken(backend, "dead", job_id)
    silence(backend, "dead")

    with reaping(redis_url, reapers=2):
        poll(lambda: not is_known(backend, "dead") and len(queued_jobs(backend.sync)) >= len(jobs))

    assert sorted(queued_jobs(backend.sync)) == sorted(jobs)


def test_a_job_whose_message_was_lost_is_sent_again(backend: Backend, redis_url: str) -> None:
    """A broker may lose what it took, and a worker may take a message to its grave."""
    create(backend, new_job("job"))

    with reaping(redis_url):
        poll(lambda: queued_jobs(backend.sync) == ["job"])

    assert status(backend) == "queued"


def job_of_alice(job_id: str, start_within_s: float = 30) -> NewJob:
    """Return a job that takes a part of alice's share."""
    one = new_job(job_id, start_within_s)
    return replace(one, queued=one.queued.model_copy(update={"share_of": "alice"}))


def standing_in_line(backend: Backend, *jobs: NewJob) -> Turns:
    """Let jobs wait while another one has all of alice's share."""
    limit = Turns(backend.sync, turn_limits(own_slots=2), "w1")
    limit.admit(QueuedJob("first", "", INTERACTIVE, "alice"))
    backend.sync.zadd(DEFAULT_KEYS.slots(INTERACTIVE), {"w1 2": 2**40})
    backend.sync.set(DEFAULT_KEYS.sign_of_worker("w1"), 1)
    for job in jobs:
        create(backend, job)
        queued = job.queued
        one = QueuedJob(job.job_id, queued.target, queued.queue, queued.share_of)
        assert limit.admit(one) == "waiting"
    return limit


def test_a_job_that_stands_in_line_is_not_sent_again(backend: Backend, redis_url: str) -> None:
    """A thousand that wait for their tenant's share would keep the workers busy with messages."""
    standing_in_line(backend, job_of_alice("in-line"))
    create(backend, new_job("lost"))

    with reaping(redis_url, own_slots=0):
        poll(lambda: queued_jobs(backend.sync) != [])

    assert queued_jobs(backend.sync) == ["lost"]


def test_a_job_in_line_that_could_run_is_sent_again(backend: Backend, redis_url: str) -> None:
    """Workers have come, or its call was lost."""
    standing_in_line(backend, job_of_alice("in-line"))
    backend.sync.zadd(DEFAULT_KEYS.slots(INTERACTIVE), {"w2 2": 2**40})

    with reaping(redis_url, own_slots=0):
        poll(lambda: queued_jobs(backend.sync) == ["in-line"])


def test_a_job_that_waited_too_long_for_its_share_says_so(backend: Backend, redis_url: str) -> None:
    """Its tenant can do something about it, and the operator need not."""
    standing_in_line(backend, job_of_alice("late", start_within_s=-1))
    create(backend, new_job("no-worker", start_within_s=-1))

    with reaping(redis_url, own_slots=0):
        poll(lambda: {status(backend, "late"), status(backend, "no-worker")} == {"expired"})

    late = backend.api(lambda store: store.reader.read("late"))
    other = backend.api(lambda store: store.reader.read("no-worker"))
    assert late
    assert other
    assert "other tests of its tenant" in late.recommendation
    assert "for a worker" in other.recommendation


def bulk_job(job_id: str, target: str = "") -> NewJob:
    """Return a job of a batch."""
    one = new_job(job_id)
    changes = {"queue": BULK, "target": target}
    return replace(one, queued=one.queued.model_copy(update=changes))


def test_a_job_of_a_batch_goes_back_to_the_queue_of_batches(
    backend: Backend, redis_url: str
) -> None:
    """It must not stand before somebody who waits because its worker died."""
    backend.api(lambda store: store.creation.create_all([bulk_job("of-dead")]))
    backend.worker("dead").signs.beat({})
    backend.worker("dead").begin(forced("of-dead"))
    silence(backend, "dead")

    with reaping(redis_url):
        poll(lambda: queued_jobs(backend.sync, BULK) == ["of-dead"])

    assert queued_jobs(backend.sync) == []


def test_a_lost_message_of_a_batch_is_sent_again(backend: Backend, redis_url: str) -> None:
    """Its batch would wait for it until it expires."""
    backend.api(lambda store: store.creation.create_all([bulk_job("lost")]))

    with reaping(redis_url):
        poll(lambda: queued_jobs(backend.sync, BULK) == ["lost"])

    assert queued_jobs(backend.sync) == []


def test_a_lost_message_is_sent_again_however_long_the_other_queue_is(
    backend: Backend, redis_url: str
) -> None:
    """Bulks may keep theirs filled for hours."""
    queue = JobQueue(redis_url)
    queue.send([QueuedJob("another", "", BULK)])
    queue.close()
    backend.api(lambda store: store.creation.create_all([bulk_job("of-batch")]))
    create(backend, new_job("lost"))

    with reaping(redis_url):
        poll(lambda: queued_jobs(backend.sync) == ["lost"])

    assert queued_jobs(backend.sync, BULK) == ["another"]


def test_the_turn_of_a_dead_worker_goes_to_who_stands_in_line(
    backend: Backend, redis_url: str
) -> None:
    """It may be a job of the other queue, and goes back through its own."""
    backend.api(
        lambda store: store.creation.create_all([bulk_job("dead", "t"), bulk_job("next", "t")])
    )
    limit = Turns(backend.sync, turn_limits(1), "dead")
    backend.worker("dead").signs.beat({})
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(BULK), 1)
    assert limit.admit(QueuedJob("dead", "t", BULK)) == "taken"
    assert limit.admit(QueuedJob("next", "t", BULK)) == "waiting"
    limit.runs["dead"].append(StepStarted(at=NOW, step="authenticate"))
    silence(backend, "dead")

    with reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert "next" in queued_jobs(backend.sync, BULK)
    assert limit.admit(QueuedJob("next", "t", BULK)) == "taken"


def test_a_worker_that_still_has_a_turn_is_not_forgotten(backend: Backend) -> None:
    """It was only slow, and may die with that turn."""
    limit = Turns(backend.sync, turn_limits(1), "slow")
    backend.worker("slow").signs.beat({})
    limit.admit(QueuedJob("a", "t"))
    backend.api(lambda store: store.dead_workers.forget_worker("slow"))
    assert is_known(backend, "slow")

    limit.runs["a"].close(status="finished")
    backend.api(lambda store: store.dead_workers.forget_worker("slow"))
    assert not is_known(backend, "slow")


def test_a_worker_that_still_has_a_call_is_not_forgotten(backend: Backend) -> None:
    """Nobody else would call the job that stands next in line."""
    limit = Turns(backend.sync, turn_limits(1), "dead")
    limit.admit(QueuedJob("a", "t"))
    limit.admit(QueuedJob("next", "t"))
    limit.runs["a"].close(status="finished")
    backend.api(lambda store: store.dead_workers.forget_worker("dead"))
    assert is_known(backend, "dead")

    (call,) = backend.api(lambda store: store.dead_workers.calls_of("dead"))
    backend.api(lambda store: store.dead_workers.forget_call("dead", call))
    backend.api(lambda store: store.dead_workers.forget_worker("dead"))
    assert not is_known(backend, "dead")


def test_the_job_of_a_dead_worker_is_before_all_who_wait(backend: Backend, redis_url: str) -> None:
    """It had its turn; in a line that never gets shorter it would wait until it expires."""
    torn = new_job("torn")
    torn = replace(torn, queued=torn.queued.model_copy(update={"target": "t"}))
    limit = Turns(backend.sync, turn_limits(1), "living")
    limit.admit(QueuedJob("a", "t"))
    limit.admit(QueuedJob("waiting", "t"))
    backend.worker("dead").signs.beat({})
    create(backend, torn)
    backend.worker("dead").begin(forced("torn"))
    silence(backend, "dead")

    with beating(backend.worker("living")), reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert queued_jobs(backend.sync) == ["torn"]
    assert limit.release(Turn("a", "t")) == [QueuedJob("torn", "t")]


def test_the_job_of_a_dead_worker_is_sent_whether_it_stands_in_line_or_not(
    backend: Backend, redis_url: str
) -> None:
    """The reaper that has given its run up is the only one that knows of it."""
    torn = new_job("torn")
    create(backend, replace(torn, queued=torn.queued.model_copy(update={"target": "t"})))
    backend.worker("dead").signs.beat({})
    backend.worker("dead").begin(forced("torn"))
    silence(backend, "dead")
    queue = JobQueue(redis_url)
    queue.send([QueuedJob("other", "")])  # lost messages are sent again where none is left
    queue.close()

    with (
        tcp_proxy(Path(redis_url.removeprefix("unix://").partition("?")[0])) as path,
        beating(backend.worker("living")),
    ):
        path.lose(b"if not has_turn()")
        with reaping(f"redis://{HOST}:{path.port}", broker_url=redis_url):
            poll(lambda: queued_jobs(backend.sync) == ["other", "torn"])


def test_a_turn_that_a_slow_worker_takes_again_while_it_is_settled_is_its_own(
    backend: Backend,
) -> None:
    """It was only paused; a turn that is nobody's would count for eleven minutes."""
    limit = Turns(backend.sync, turn_limits(1), "slow")
    limit.admit(QueuedJob("a", "t"))
    limit.admit(QueuedJob("next", "t"))
    backend.api(lambda store: store.dead_workers.release_turn("slow", Turn("a", "t")))
    assert limit.admit(QueuedJob("a", "t")) == "waiting"
    assert limit.admit(QueuedJob("next", "t")) == "taken"
    assert limit.release(Turn("next", "t")) == [QueuedJob("a", "t")]
    assert limit.admit(QueuedJob("a", "t")) == "taken"

    assert limit.turns() == [Turn("a", "t")]
    limit.release(Turn("a", "t"))
    assert limit.turns() == []


def test_a_turn_is_free_again_whenever_its_worker_died(backend: Backend, redis_url: str) -> None:
    """One of the version before takes it before the job begins, and releases it after its end."""
    for job_id in ("before", "after", "next"):
        create(backend, new_job(job_id))
    limit = Turns(backend.sync, turn_limits(2), "dead")
    for job_id in ("before", "after"):
        backend.sync.zadd("conncheck:target:t:testing", {job_id: 2**40})
        backend.sync.sadd(DEFAULT_KEYS.turns_of("dead"), f"{job_id} t")
    assert limit.admit(QueuedJob("next", "t")) == "waiting"
    backend.worker("dead").begin(forced("after")).close(status="finished")

    with reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert "next" in queued_jobs(backend.sync)
    for job_id in ("before", "next"):
        assert limit.admit(QueuedJob(job_id, "t")) == "taken"


def test_the_turns_of_a_dead_worker_are_released_before_its_jobs_are_queued_again(
    backend: Backend, redis_url: str
) -> None:
    """Otherwise a job uses the old turn again while that goes to the next in line, too."""
    for job_id in ("of-dead", "next"):
        create(backend, new_job(job_id))
    limit = Turns(backend.sync, turn_limits(1), "dead")
    limit.admit(QueuedJob("of-dead", "t"))
    limit.admit(QueuedJob("next", "t"))

    with reaping(redis_url):
        poll(lambda: "of-dead" in queued_jobs(backend.sync))
        assert limit.admit(QueuedJob("of-dead", "t")) == "waiting"
        poll(lambda: queued_jobs(backend.sync)[:2] == ["of-dead", "next"])
        assert limit.admit(QueuedJob("next", "t")) == "taken"


def test_a_broker_that_was_away_is_sent_the_job_when_it_is_back(
    backend: Backend, redis_url: str, own_redis: OwnRedis
) -> None:
    """The worker and the broker may have died with the same machine."""
    taken(backend, "dead")
    silence(backend, "dead")

    with reaping(redis_url, broker_url=own_redis.url), connect(own_redis.url) as broker:
        with own_redis.stopped():
            poll(lambda: status(backend) == "queued")

        poll(lambda: queued_jobs(broker) == ["job"])


def test_after_the_store_was_away_no_worker_is_given_up_too_early(own_redis: OwnRedis) -> None:
    """Nobody could give signs of life meanwhile; the living need a moment to give new ones."""
    with connect(own_redis.url) as redis:
        backend = backend_of(own_redis.url, redis)
        for worker in ("dead", "living"):
            taken(backend, worker, f"of-{worker}")
            silence(backend, worker)

        with reaping(own_redis.url) as store:
            assert store.looked.wait(10)  # and found both of them silent
            with own_redis.hung():
                for _ in range(3):  # which takes longer than a worker may be silent
                    assert store.was_away.acquire(timeout=10)
                store.looked.clear()
            assert store.looked.wait(10)
            with beating(backend.worker("living")):
                poll(lambda: not is_known(backend, "dead"))

        assert status(backend, "of-dead") == "queued"
        assert status(backend, "of-living") == "running"
        assert queued_jobs(redis) == ["of-dead"]


def test_the_silence_after_which_a_worker_is_given_up_can_be_declared(
    backend: Backend, redis_url: str
) -> None:
    """A site far away may be silent for longer: its line was cut."""
    declared = Silence(18)
    taken(backend, "dead")
    silence(backend, "dead")

    with reaping(redis_url, silence=declared) as store:
        poll(lambda: not is_known(backend, "dead"))

    assert status(backend) == "queued"
    assert store.count >= declared.looks > NEAR.looks
    assert backend.sync.get(DEFAULT_KEYS.reaping) == str(declared.sign_ms).encode()


def test_while_the_store_refuses_writes_nobody_is_found_silent(own_redis: OwnRedis) -> None:
    """Its memory or disk is full, or it is a replica for now: workers can't give signs either.

    Each of four reapers finds them silent at another moment, and one would be the first to write.
    """
    with connect(own_redis.url) as redis:
        backend = backend_of(own_redis.url, redis)
        for worker in ("dead", "living"):
            taken(backend, worker, f"of-{worker}")
            silence(backend, worker)

        with reaping(own_redis.url, reapers=4) as store:
            with own_redis.refusing_writes():
                for _ in range(4 * NEAR.looks):
                    assert store.knew_nothing.acquire(timeout=10)
                store.looked.clear()
            assert store.looked.wait(10)
            with beating(backend.worker("living")):
                poll(lambda: not is_known(backend, "dead"))

        assert status(backend, "of-dead") == "queued"
        assert status(backend, "of-living") == "running"


def test_a_job_that_cannot_be_read_keeps_no_other_from_being_closed(
    backend: Backend, redis_url: str
) -> None:
    """Another version wrote it; the reaper looks after the jobs of all tenants."""
    taken(backend, "newer", "unreadable")
    backend.sync.xadd(DEFAULT_KEYS.job("unreadable"), {"entry": "{}"}, id="1-1")
    taken(backend, "forgetful")
    backend.sync.zadd(DEFAULT_KEYS.running, {"unreadable": 1, "job": 2})
    for worker in ("newer", "forgetful"):
        silence(backend, worker)

    with reaping(redis_url):
        poll(lambda: status(backend) == "lost")
        poll(lambda: not is_known(backend, "newer"))

    assert status(backend, "unreadable") == "lost"


def test_a_job_that_may_have_signed_in_unreadably_is_not_run_again(
    backend: Backend, redis_url: str
) -> None:
    """What a newer worker did there may have been the sign-in, and a second one locks accounts."""
    taken(backend, "newer")
    backend.sync.xadd(DEFAULT_KEYS.job("job"), {"entry": '{"kind": "step_started"}'}, id="1-1")
    silence(backend, "newer")

    with reaping(redis_url):
        poll(lambda: status(backend) == "lost")


def test_what_a_dead_worker_had_taken_and_not_begun_is_sent_again(
    backend: Backend, redis_url: str
) -> None:
    """It died with the message in its hands; nobody else knows of that, and the queue is long."""
    for job_id in ("not-begun", "begun", "over", "waiting"):
        create(backend, new_job(job_id))
        take(backend, redis_url, "dead", job_id)
    backend.sync.rpush(DEFAULT_KEYS.taken_by("dead"), "no message of ours")
    backend.worker("dead").begin(forced("begun"))
    backend.worker("dead").begin(forced("over")).close(status="finished")
    queue = JobQueue(redis_url)
    queue.send([QueuedJob("another", "")])
    queue.close()
    with reaping(redis_url):
        poll(lambda: not is_known(backend, "dead"))

    assert sorted(queued_jobs(backend.sync)) == ["another", "begun", "not-begun", "waiting"]
    assert not backend.sync.exists(DEFAULT_KEYS.taken_by("dead"))


def test_a_job_that_could_not_be_sent_again_is_sent_by_its_message(
    backend: Backend, redis_url: str, own_redis: OwnRedis
) -> None:
    """Worker and broker died together; the queue was long, and nobody sends what waits in it."""
    create(backend, new_job("job"))
    take(backend, own_redis.url, "dead", "job")
    backend.worker("dead").begin(forced("job"))
    queue = JobQueue(own_redis.url)
    queue.send([QueuedJob("another", "")])
    queue.close()

    with reaping(redis_url, broker_url=own_redis.url), connect(own_redis.url) as broker:
        with own_redis.stopped():
            poll(lambda: status(backend) == "queued")

        poll(lambda: not is_known(backend, "dead"))
        assert sorted(queued_jobs(broker)) == ["another", "job"]


def test_what_a_dead_worker_had_taken_is_not_sent_again_where_it_stands_in_line(
    backend: Backend, redis_url: str
) -> None:
    """It is called when it is its turn."""
    standing_in_line(backend, job_of_alice("in-line"))
    take(backend, redis_url, "dead", "in-line")

    with reaping(redis_url, own_slots=0):
        poll(lambda: not is_known(backend, "dead"))

    assert queued_jobs(backend.sync) == []
    assert not backend.sync.exists(DEFAULT_KEYS.taken_by("dead"))


def take(backend: Backend, redis_url: str, worker: str, job_id: str) -> None:
    """Let a worker that gives no more signs of life take the message of a job."""
    queue = JobQueue(redis_url)
    queue.send([QueuedJob(job_id, "")])
    queue.close()
    with connect(redis_url) as broker:
        broker.lmove(INTERACTIVE, DEFAULT_KEYS.taken_by(worker), "RIGHT", "LEFT")
    backend.worker(worker).signs.beat({})
    silence(backend, worker)
