from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from shared.queue.queued_job import BULK, INTERACTIVE, QUEUES, QueuedJob, QueueName
from shared.store.connection import connect
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.jobs.worker_signs import WorkerSigns
from shared.store.limits.target_limit import (
    HeldBackBy,
    Lines,
    Turn,
    calls_of,
    forget_call,
    release,
    stand_first,
    turns_of,
)
from shared.store.limits.turn_scripts import (
    CALLED_S,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend, turn_limits
from tests.shared.store.limits.turns import Turns

TARGET, WORKER = "cloud.example.com:8080", "w1"
SLOTS = 8
SHARE = 4
"""The slots of each queue, and how many of them a tenant may take."""


def job(
    job_id: str, queue: QueueName = INTERACTIVE, share_of: str = "", target: str = TARGET
) -> QueuedJob:
    """Return a job at the target."""
    return QueuedJob(job_id, target, queue, share_of)


def of_alice(job_id: str, target: str = "") -> QueuedJob:
    """Return a job of alice's share; she has forced it unless it has a target."""
    return job(job_id, share_of="alice", target=target)


def announce(redis: Redis, queue: QueueName = INTERACTIVE, slots: int = SLOTS) -> None:
    """Let a worker be alive for as long as the test runs."""
    redis.set(DEFAULT_KEYS.sign_of_queue(queue), 1)
    redis.zadd(DEFAULT_KEYS.slots(queue), {f"{WORKER} {slots}": 2**40})


def limit_of(redis: Redis, per_target: int = 2, worker: str = WORKER) -> Turns:
    """Return a worker's side that has announced its slots."""
    return Turns(redis, turn_limits(per_target, own_slots=0), worker)


def turn(job_id: str) -> Turn:
    """Return the turn of a job at the target."""
    return Turn(job_id, TARGET)


@pytest.fixture
def limit(real_redis: Redis) -> Turns:
    """Give a limit of two tests at a time, in front of living workers."""
    for queue in QUEUES:
        announce(real_redis, queue)
    return limit_of(real_redis)


def held_back_by(real: Backend, one: QueuedJob) -> HeldBackBy:
    """Return what the API finds that a job waits for."""
    limits = turn_limits(2, own_slots=0)
    return real.run(lambda redis: Lines(RedisGate(redis), limits, DEFAULT_KEYS).held_back_by(one))


def test_a_few_tests_at_a_time_have_their_turn(limit: Turns) -> None:
    """A platform that is tested by a hundred at once is one that we have brought down."""
    turns = [limit.admit(job(job_id)) for job_id in ("a", "b", "c")]

    assert turns == ["taken", "taken", "waiting"]


def test_targets_do_not_wait_for_each_other(limit: Turns) -> None:
    """A slow platform is nobody else's problem."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))

    assert limit.admit(QueuedJob("d", "other.example.com:8080")) == "taken"


def test_a_turn_that_is_released_goes_to_the_next_in_line(limit: Turns) -> None:
    """Whoever waits longest is first."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))

    assert limit.release(turn("a")) == [job("c")]
    assert limit.admit(job("c")) == "taken"
    assert limit.release(turn("b")) == [job("d")]
    assert limit.admit(job("d")) == "taken"
    assert limit.release(turn("c")) == []


def test_the_same_job_delivered_to_another_worker_takes_no_second_turn(
    limit: Turns, real_redis: Redis
) -> None:
    """A queue delivers at least once; a second turn would never be released."""
    other = limit_of(real_redis, worker="w2")
    limit.admit(job("a"))

    assert other.admit(job("a")) == "held"
    assert limit.admit(job("b")) == "taken"


def test_a_job_stands_in_line_once_however_often_it_is_delivered(limit: Turns) -> None:
    """A turn that is offered to a job that has had it is one that nobody else gets."""
    for job_id in ("a", "b", "c", "c", "d", "c"):
        limit.admit(job(job_id))

    called = [limit.release(turn(job_id)) for job_id in ("a", "b")]
    assert called == [[job("c")], [job("d")]]
    assert [limit.admit(job(job_id)) for job_id in ("c", "d")] == ["taken", "taken"]
    assert limit.release(turn("c")) == []


def test_who_stood_in_line_goes_back_to_its_own_queue(limit: Turns) -> None:
    """Somebody who waits must not be sent to the end of a bulk, nor the other way round."""
    for one in (job("a"), job("b", BULK), job("c", BULK), job("d")):
        limit.admit(one)

    assert limit.release(turn("a")) == [job("c", BULK)]
    assert limit.release(turn("b")) == [job("d", INTERACTIVE)]


def test_a_turn_is_kept_for_whoever_was_called(limit: Turns) -> None:
    """Who comes in between would be overtaking those who wait."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))
    limit.release(turn("a"))

    assert limit.admit(job("d")) == "waiting"
    assert limit.admit(job("c")) == "taken"


def test_whoever_is_called_stays_in_line_until_it_has_come(limit: Turns, real_redis: Redis) -> None:
    """The call goes through the broker, and may be lost there."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))
    assert limit.release(turn("a")) == [job("c")]

    for key in ("conncheck:called", f"conncheck:target:{TARGET}:testing"):  # as time does
        assert 0 < cast("float", real_redis.zscore(key, "c")) - real_redis.time()[0] <= CALLED_S + 1
        real_redis.zadd(key, {"c": 1})
    assert limit.release(turn("b")) == [job("d"), job("c")]
    assert limit.admit(job("c")) == "taken"


def test_a_queue_that_no_worker_serves_is_given_no_turn(limit: Turns, real_redis: Redis) -> None:
    """The platform would wait for jobs that cannot come."""
    for one in (job("a"), job("b"), job("c", BULK), job("d")):
        limit.admit(one)
    real_redis.delete(DEFAULT_KEYS.sign_of_queue(BULK))

    assert limit.release(turn("a")) == [job("d")]


def test_a_call_is_the_worker_s_until_it_is_made(limit: Turns) -> None:
    """If it dies before, the API calls the next in line; nobody else would."""
    for one in (job("a"), job("b"), job("c", BULK)):
        limit.admit(one)

    limit.release(turn("a"))
    assert limit.turns() == [turn("b")]
    assert limit.calls() == [job("c", BULK)]

    limit.forget_calls([job("c", BULK)])
    assert limit.calls() == []


def test_a_release_whose_answer_was_lost_is_not_done_twice(limit: Turns) -> None:
    """redis-py repeats it; the call is among the worker's."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))

    assert limit.release(turn("a")) == [job("c")]
    assert limit.release(turn("a")) == []
    assert limit.calls() == [job("c")]


def test_a_turn_that_another_worker_has_by_now_stays(limit: Turns, real_redis: Redis) -> None:
    """The first worker was cut off, and its job was given to the other one."""
    other = limit_of(real_redis, worker="w2")
    other.admit(job("a"))
    other.admit(job("b"))

    assert limit.admit(job("a")) == "held"
    assert limit.release(turn("a")) == []
    assert limit.admit(job("c")) == "waiting"


def test_a_worker_that_asks_twice_has_its_turn(limit: Turns) -> None:
    """redis-py repeats what it got no answer to; nobody else would release it."""
    limit.admit(job("a"))

    assert limit.admit(job("a")) == "taken"
    assert limit.turns() == [turn("a")]


def test_a_worker_is_known_with_its_first_turn(limit: Turns, real_redis: Redis) -> None:
    """It may die before its first sign of life."""
    limit.admit(job("a"))

    assert real_redis.smembers(DEFAULT_KEYS.workers) == {WORKER.encode()}


@pytest.mark.parametrize("share_of", ["", "alice"])
def test_the_turn_of_a_dead_worker_can_be_released_for_it(
    real: Backend, limit: Turns, share_of: str
) -> None:
    """Otherwise its platform could not be tested for eleven minutes."""
    first, second, third = (job(job_id, share_of=share_of) for job_id in ("a", "b", "c"))
    assert [limit.admit(one) for one in (first, second, third)] == ["taken", "taken", "waiting"]
    limits = turn_limits(2, own_slots=0)

    turns = real.run(lambda redis: turns_of(redis, DEFAULT_KEYS, WORKER))
    assert {*turns} == {Turn.of(first), Turn.of(second)}
    real.run(lambda redis: release(redis, DEFAULT_KEYS, limits, WORKER, Turn.of(first)))
    assert real.run(lambda redis: turns_of(redis, DEFAULT_KEYS, WORKER)) == [Turn.of(second)]
    assert real.run(lambda redis: calls_of(redis, DEFAULT_KEYS, WORKER)) == [third]
    real.run(lambda redis: forget_call(redis, DEFAULT_KEYS, WORKER, third))
    assert real.run(lambda redis: calls_of(redis, DEFAULT_KEYS, WORKER)) == []
    assert limit.admit(third) == "taken"


@pytest.mark.parametrize("messages", [0, 1])
def test_whoever_lost_its_turn_with_its_worker_is_called_next(
    real: Backend, limit: Turns, messages: int
) -> None:
    """At the end of a line that never gets shorter it would wait until it expires."""
    torn, waiting = of_alice("torn", TARGET), of_alice("waiting", TARGET)
    assert [limit.admit(of_alice(name, TARGET)) for name in ("a", "b")] == ["taken"] * 2
    assert limit.admit(waiting) == "waiting"
    assert [limit.admit(torn) for _ in range(messages)] == ["waiting"] * messages

    real.run(lambda redis: stand_first(redis, DEFAULT_KEYS, turn_limits(2, own_slots=0), torn))

    assert limit.admit(torn) == "waiting"
    assert limit.release(Turn.of(of_alice("a", TARGET))) == [torn]
    assert limit.release(Turn.of(of_alice("b", TARGET))) == [waiting]


def test_whoever_has_its_turn_again_stands_in_no_line(
    real: Backend, real_redis: Redis, limit: Turns
) -> None:
    """A call would give its turn to a worker that has nothing to run, and one test too many."""
    torn, waiting = job("torn"), job("waiting")
    elsewhere = limit_of(real_redis, worker="w2")
    assert [elsewhere.admit(torn), limit.admit(job("a"))] == ["taken", "taken"]
    assert limit.admit(waiting) == "waiting"

    real.run(lambda redis: stand_first(redis, DEFAULT_KEYS, turn_limits(2, own_slots=0), torn))

    assert limit.release(turn("a")) == [waiting]
    assert limit_of(real_redis, worker="w3").admit(torn) == "held"


def test_whoever_comes_too_late_for_its_call_is_called_next(
    limit: Turns, real_redis: Redis
) -> None:
    """Its message stood behind many; behind all others in line it would begin anew."""
    assert [limit.admit(job(name)) for name in ("a", "b", "late")] == ["taken", "taken", "waiting"]
    assert limit.release(turn("a")) == [job("late")]
    real_redis.zrem("conncheck:called", "late")  # as after CALLED_S
    real_redis.zrem(f"conncheck:target:{TARGET}:testing", "late")
    assert [limit.admit(job(name)) for name in ("c", "waiting")] == ["taken", "waiting"]

    assert limit.admit(job("late")) == "waiting"

    assert limit.release(turn("b")) == [job("late")]


def test_a_turn_of_which_no_worker_knows_counts_for_a_time(limit: Turns, real_redis: Redis) -> None:
    """Redis may have lost the worker's part of it."""
    ends = {"over": 1, "not yet": 2**40}  # seconds since 1970
    real_redis.zadd(f"conncheck:target:{TARGET}:testing", ends)

    assert [limit.admit(job(job_id)) for job_id in ("a", "b")] == ["taken", "waiting"]


def test_a_tenant_takes_no_more_than_its_share(limit: Turns) -> None:
    """It would take all slots in a few seconds, and nobody else could test anything."""
    turns = [limit.admit(of_alice(f"a{n}")) for n in range(SHARE + 1)]

    assert turns == ["taken"] * SHARE + ["waiting"]
    assert limit.admit(job("b", share_of="bob", target="")) == "taken"
    assert limit.admit(job("c", BULK, "alice", "")) == "taken"  # the slots of another queue


def test_a_job_without_a_share_waits_for_none(limit: Turns) -> None:
    """It is the operator's own, or was accepted by an API of the version before."""
    turns = [limit.admit(job(f"a{n}", target=f"t{n}")) for n in range(SLOTS + 1)]

    assert set(turns) == {"taken"}


def test_the_share_grows_with_the_workers(limit: Turns, real_redis: Redis) -> None:
    """It is a part of the slots that are alive, over all workers."""
    for n in range(SHARE + 1):
        limit.admit(of_alice(f"a{n}"))
    real_redis.zadd(DEFAULT_KEYS.slots(INTERACTIVE), {f"w2 {SLOTS}": 2**40, "dead 1000": 1})

    released = limit.release(Turn.of(of_alice("a0")))
    turns = [limit.admit(of_alice(f"b{n}")) for n in range(SHARE + 1)]

    assert released == [of_alice(f"a{SHARE}")]
    assert turns == ["taken"] * SHARE + ["waiting"]


@pytest.mark.parametrize("own_slots", [1, 3])
def test_a_worker_knows_its_own_slots_before_it_has_announced_them(
    real_redis: Redis, own_slots: int
) -> None:
    """Redis may have been away; a share is one slot at least."""
    alone = Turns(real_redis, turn_limits(own_slots=own_slots), WORKER)

    assert [alone.admit(of_alice(f"a{n}")) for n in range(2)] == ["taken", "waiting"]


def test_whoever_waits_for_its_share_is_called_when_a_turn_of_it_ends(limit: Turns) -> None:
    """A test of another tenant makes no room for it."""
    limit.admit(job("b", share_of="bob", target=""))
    for n in range(SHARE + 2):
        limit.admit(of_alice(f"a{n}"))

    assert limit.release(Turn.of(job("b", share_of="bob", target=""))) == []
    assert limit.release(Turn.of(of_alice("a1"))) == [of_alice(f"a{SHARE}")]
    assert limit.admit(of_alice(f"a{SHARE}")) == "taken"


def test_the_platforms_of_a_tenant_are_served_in_turn(limit: Turns) -> None:
    """A hundred tests of one of them must not hold up the one of another."""
    for n in range(SHARE):
        limit.admit(of_alice(f"a{n}"))
    for job_id, target in (("x1", "x:1"), ("x2", "x:1"), ("x3", "x:1"), ("y1", "y:1")):
        limit.admit(of_alice(job_id, target))

    called = [one for n in range(SHARE) for one in limit.release(Turn.of(of_alice(f"a{n}")))]

    # x:1 takes two tests at a time.
    assert [one.job_id for one in called] == ["x1", "y1", "x2"]


def test_the_tenants_at_a_platform_are_served_in_turn(limit: Turns) -> None:
    """Whoever sends the most tests must not be the only one who gets any."""
    names = (("a1", "alice"), ("a2", "alice"), ("a3", "alice"), ("a4", "alice"), ("b1", "bob"))
    jobs = {name: job(name, share_of=tenant) for name, tenant in names}
    for one in jobs.values():
        limit.admit(one)

    called = [limit.release(Turn.of(jobs[name])) for name in ("a1", "a2")]

    assert called == [[jobs["a3"]], [jobs["b1"]]]


def test_a_turn_goes_past_those_who_could_not_use_it(limit: Turns) -> None:
    """A platform must not stand idle since the tenant that is first in line has no share left."""
    for n in range(SHARE - 1):
        limit.admit(of_alice(f"a{n}"))
    for one in (of_alice("a", TARGET), job("b"), of_alice("x", TARGET), job("c")):
        limit.admit(one)

    assert limit.release(turn("b")) == [job("c")]
    assert limit.admit(job("c")) == "taken"
    assert limit.release(Turn.of(of_alice("a0"))) == []  # the platform has no room now
    assert limit.release(turn("c")) == [of_alice("x", TARGET)]


def test_a_turn_that_ends_makes_room_at_the_platform_and_in_the_share(limit: Turns) -> None:
    """Two jobs may have waited for it, one for each."""
    for n in range(SHARE - 1):
        limit.admit(of_alice(f"a{n}"))
    for one in (of_alice("a", TARGET), job("b"), job("c"), of_alice("x")):
        limit.admit(one)

    assert limit.release(Turn.of(of_alice("a", TARGET))) == [job("c"), of_alice("x")]


def test_a_line_that_waits_for_another_platform_is_walked_past(limit: Turns) -> None:
    """However many of a tenant's platforms have no room, the one that has is found."""
    for n in range(SHARE):
        limit.admit(of_alice(f"a{n}"))
    for n in range(120):
        for m in range(2):
            limit.admit(job(f"{n}-{m}", target=f"full{n}:1"))
        limit.admit(of_alice(f"f{n}", f"full{n}:1"))
    limit.admit(of_alice("free", "free:1"))

    assert limit.release(Turn.of(of_alice("a0"))) == [of_alice("free", "free:1")]


def test_the_api_learns_what_a_job_waits_for(limit: Turns, real: Backend) -> None:
    """It sends again what stands in no line, and tells a caller the reason."""
    for n in range(SHARE):
        limit.admit(of_alice(f"a{n}"))
    for one in (job("b"), job("c"), job("d"), of_alice("x"), of_alice("y")):
        limit.admit(one)

    assert held_back_by(real, of_alice("lost")) == ""
    assert held_back_by(real, of_alice("x")) == "share"
    assert held_back_by(real, job("d")) == "target"
    limit.release(Turn.of(of_alice("a0")))
    assert held_back_by(real, of_alice("x")) == ""  # it was called, and the call may be lost
    assert held_back_by(real, of_alice("y")) == "share"


def test_nothing_of_it_stays_for_ever(limit: Turns, real_redis: Redis) -> None:
    """Every address that was ever tested, and every tenant, would have its keys."""
    known = {*real_redis.scan_iter()}
    for one in (*map(job, "abcd"), *(job(f"a{n}", share_of="alice") for n in range(3))):
        limit.admit(one)
    limit.release(turn("a"))
    WorkerSigns(real_redis, WORKER, DEFAULT_KEYS).beat({})  # keeps for a day what is the worker's

    keys = {*real_redis.scan_iter()} - known
    assert len({key for key in keys if b":target:" in key or b":share:" in key}) == 3
    assert all(real_redis.ttl(key) != -1 for key in keys)


def test_what_is_over_leaves_nothing(limit: Turns, real_redis: Redis) -> None:
    """An idle service has no lines to walk along."""
    known = {*real_redis.scan_iter(), DEFAULT_KEYS.workers.encode()}
    jobs = [of_alice(f"a{n}", f"t{n % 3}:1") for n in range(20)]
    for one in jobs:
        limit.admit(one)
    while turns := limit.turns():
        limit.runs[turns[0].job_id].close(status="finished")
        for one in limit.calls():
            assert limit.admit(one) == "taken"
            limit.forget_calls([one])

    streams = {key.encode() for key in map(DEFAULT_KEYS.job, limit.runs)}
    assert {*real_redis.scan_iter()} - streams == known


def test_a_store_that_is_away_is_named_so(tmp_path: Path) -> None:
    """A worker that can't tell must be able to say so."""
    away = limit_of(connect(f"unix://{tmp_path / 'none.sock'}"))

    with pytest.raises(StoreUnreachableError):
        away.turns()
    with pytest.raises(StoreUnreachableError):
        away.release(turn("a"))
