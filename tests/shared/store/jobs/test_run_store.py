from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import fakeredis
import pytest
from redis import Redis

from shared.diagnosis.entries import Closed, Entry, FoundCause, StepNoted
from shared.diagnosis.outcomes import Finding
from shared.queue.queued_job import BULK
from shared.silence import Silence
from shared.site_name import DEFAULT_SITE
from shared.store.connection import connect, connect_async
from shared.store.errors import RunGivenUpError, StoreUnreachableError
from shared.store.jobs.job_stream import (
    REFUSED,
    Appender,
)
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.running.own_redis import OwnRedis
from tests.running.own_sentinels import Node, replicated
from tests.running.service import poll
from tests.shared.conftest import (
    SLOTS,
    TTL_S,
    Backend,
    Outages,
    forced,
    keep_the_disk_busy,
    worker_of,
)
from tests.shared.diagnosis import stories
from tests.shared.diagnosis.stories import CLOCK_OFF, KNOWN, at, queued, started, step
from tests.shared.store.jobs.jobs import (
    JOB,
    KEY,
    SEALED,
    begun,
    create,
    given_up,
    kinds,
    left,
    listening_to,
    mending,
    report,
    story,
)

CROWD = 30
NEAR = Silence.of(DEFAULT_SITE)
_CLOCK_OFF = StepNoted(
    at=at(3), step="dns_lookup", causes=(FoundCause.of(Finding(CLOCK_OFF, {}), KNOWN),)
)


def test_a_run_is_written_down_step_by_step(backend: Backend) -> None:
    """A caller sees the steps while they happen."""
    create(backend)

    run = begun(backend)
    assert report(backend).status == "running"

    run.append(*step("tcp_connect"))
    run.write()
    assert [item.name for item in report(backend).made] == ["dns_lookup", "tcp_connect"]
    run.close(*step("http_response"), status="finished")
    job = report(backend)
    assert [item.name for item in job.made] == ["dns_lookup", "tcp_connect", "http_response"]
    assert (job.status, job.success) == ("finished", True)


@pytest.mark.parametrize(
    ("more", "all_passed"),
    [
        (step("tcp_connect"), True),
        (step("tcp_connect", stories.REFUSED), False),
        (step("product_identify", CLOCK_OFF), False),
        ((_CLOCK_OFF,), False),
        ((StepNoted(at=at(3), step="dns_lookup", facts={"egress": "192.0.2.7"}),), True),
    ],
    ids=["passed", "failed", "warned", "warned later", "noted"],
)
def test_the_last_entry_says_whether_the_others_found_anything(
    backend: Backend, more: Sequence[Entry], *, all_passed: bool
) -> None:
    """Who counts many jobs reads the whole story only of those that have something to tell."""
    create(backend)
    run = begun(backend)
    run.append(*more)

    run.close(*step("authorize"), status="finished")

    _, last = story(backend)[-1]
    assert isinstance(last, Closed)
    assert last.all_passed is all_passed
    took_ms = report(backend).took_ms
    assert last.took_ms == (took_ms if all_passed else None)


def test_a_batch_s_job_keeps_no_start_of_a_step_that_ended_in_the_same_write(
    backend: Backend,
) -> None:
    """The end of a step tells when it began; a batch has many thousands of steps."""
    create(backend)
    run = backend.worker().begin(forced(JOB)._replace(queue=BULK))

    signing_in, signed_in = step("authenticate")
    run.append(*step("dns_lookup"), *step("tcp_connect"), signing_in)
    run.close(signed_in, *step("authorize"), status="finished")

    ended = ["step_ended"] * 2
    assert kinds(backend) == ["queued", "started", *ended, "step_started", *ended, "closed"]
    assert [item.name for item in report(backend).made] == [
        *("dns_lookup", "tcp_connect", "authenticate", "authorize"),
    ]


def test_a_closed_job_takes_little_more_than_what_it_contains(real: Backend) -> None:
    """Redis allocates 4 KB in advance for a stream that grows, and most grow no more."""
    create(real)
    begun(real).close(*step("tcp_connect"), status="finished")

    contained = sum(len(entry.model_dump_json()) for _, entry in story(real))
    taken = cast("int", real.sync.memory_usage(KEY))

    assert taken < 2 * contained + 1000
    assert 0 < real.sync.ttl(KEY) <= TTL_S
    assert left(real) == {KEY}


def test_a_run_that_made_no_step_has_passed_nothing(backend: Backend) -> None:
    """Such a job counts as failed."""
    create(backend)
    backend.worker().begin(forced(JOB)).close(status="finished")

    _, last = story(backend)[-1]
    assert isinstance(last, Closed)
    assert not last.all_passed


def test_a_run_is_given_the_sealed_request(backend: Backend) -> None:
    """The message in the queue is the job's id and nothing else."""
    create(backend)

    assert backend.worker().begin(forced(JOB)).sealed == SEALED


def test_a_run_whose_request_is_gone_is_given_none(backend: Backend) -> None:
    """It has expired; there is nothing to test any more."""
    create(backend)
    backend.sync.delete(DEFAULT_KEYS.sealed(JOB))

    assert backend.worker().begin(forced(JOB)).sealed is None


def test_the_sealed_request_goes_with_the_sign_in(backend: Backend) -> None:
    """Nobody needs the key pair after that, whoever reads Redis later."""
    create(backend)
    run = begun(backend)
    assert backend.sync.exists(DEFAULT_KEYS.sealed(JOB))

    run.append(step("authenticate")[0])

    assert not backend.sync.exists(DEFAULT_KEYS.sealed(JOB))


def test_what_uses_up_the_credentials_is_written_at_once(backend: Backend) -> None:
    """A worker that dies in the sign-in must have said so, with all that came before it."""
    create(backend)
    run = backend.worker().begin(forced(JOB))
    run.append(*step("tcp_connect"))
    assert kinds(backend) == ["queued", "started"]

    run.append(step("authenticate")[0])

    steps = ["step_started", "step_ended", "step_started"]
    assert kinds(backend) == ["queued", "started", *steps]


def test_a_run_that_was_shut_out_undoes_nothing_of_the_next(backend: Backend) -> None:
    """Its end would take the credentials and the worker from a run that is still at work."""
    create(backend)
    first = begun(backend, "w1")
    given_up(backend, "w1")
    backend.worker("w2").begin(forced(JOB))

    with pytest.raises(RunGivenUpError):
        first.close(*step("authenticate"), status="finished")

    assert backend.sync.get(DEFAULT_KEYS.sealed(JOB)) == SEALED.encode()
    assert backend.sync.zscore(DEFAULT_KEYS.running, JOB) is not None
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w2")) == {JOB.encode()}


def test_a_worker_is_known_from_its_first_job_on(backend: Backend) -> None:
    """It may die before its first sign of life, and its job has to be found then."""
    create(backend)

    begun(backend, "w1")

    assert backend.api(lambda store: store.dead_workers.silent_workers(NEAR)) == ["w1"]
    assert backend.api(lambda store: store.dead_workers.jobs_of("w1")) == [JOB]


def test_a_worker_may_have_any_name(backend: Backend) -> None:
    """It begins with the host's name, and on its way into Redis it is quoted more than once."""
    create(backend)

    begun(backend, 'wörker\\ "1"')

    assert backend.api(lambda store: store.dead_workers.silent_workers(NEAR)) == ['wörker\\ "1"']
    assert backend.api(lambda store: store.dead_workers.jobs_of('wörker\\ "1"')) == [JOB]


def test_the_sealed_request_goes_with_the_end(backend: Backend) -> None:
    """Most tests that fail never come as far as the sign-in."""
    create(backend)

    begun(backend).close(status="finished")

    assert left(backend) == {KEY}


def test_a_job_that_a_worker_is_at_does_not_begin_again(backend: Backend) -> None:
    """The queue delivers at least once; the platform must be tested once."""
    create(backend)
    first = begun(backend, "w1")

    with pytest.raises(RunGivenUpError):
        backend.worker("w2").begin(forced(JOB))

    first.close(*step("tcp_connect"), status="finished")
    assert [item.name for item in report(backend).made] == ["dns_lookup", "tcp_connect"]


def test_a_job_that_has_only_just_begun_does_not_begin_again(backend: Backend) -> None:
    """Two workers may be handed the same message in the same millisecond."""
    create(backend)
    first = backend.worker("w1").begin(forced(JOB))

    with pytest.raises(RunGivenUpError):
        backend.worker("w2").begin(forced(JOB))

    first.append(*step("dns_lookup"))
    first.write()
    assert [item.name for item in report(backend).made] == ["dns_lookup"]


def test_a_worker_that_was_refused_a_job_is_not_at_it(backend: Backend) -> None:
    """When it dies, the job of another one must not be given up for it."""
    create(backend)
    begun(backend, "w1")

    with pytest.raises(RunGivenUpError):
        backend.worker("w2").begin(forced(JOB))

    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w2")) == set()
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == {JOB.encode()}


def test_a_second_run_shuts_the_first_one_out(backend: Backend) -> None:
    """A worker that hung and woke up must not write into the results of its successor."""
    create(backend)
    first = begun(backend, "w1")
    given_up(backend, "w1")

    second = backend.worker("w2").begin(forced(JOB))

    first.append(*step("tcp_connect"))
    with pytest.raises(RunGivenUpError):
        first.write()
    with pytest.raises(RunGivenUpError):
        first.append(*step("product_identify"))
    with pytest.raises(RunGivenUpError):
        first.close(*step("authorize"), status="finished")
    second.append(*step("http_response"))
    second.close(status="finished")
    assert [item.name for item in report(backend).made] == ["http_response"]


def test_a_run_that_was_given_up_is_shut_out_before_the_next_begins(backend: Backend) -> None:
    """Between two runs the job belongs to nobody."""
    create(backend)
    first = begun(backend, "w1")

    given_up(backend, "w1")

    with pytest.raises(RunGivenUpError):
        first.append(step("authenticate")[0])


def test_a_run_knows_what_was_written_before_it(backend: Backend) -> None:
    """Whoever finds that a run before it signed in must not sign in again."""
    create(backend)
    begun(backend, "w1")
    given_up(backend, "w1")

    second = backend.worker("w2").begin(forced(JOB))

    kinds = [entry.kind for entry in second.earlier]
    assert kinds == ["queued", "started", "step_started", "step_ended", "requeued"]


@pytest.mark.parametrize("runs_before", [0, 1, 2])
def test_a_closed_job_can_not_begin(backend: Backend, runs_before: int) -> None:
    """The queue delivers a message again after its job was cancelled."""
    create(backend)
    for number in range(runs_before):
        begun(backend, f"w{number}")
        given_up(backend, f"w{number}")
    backend.api(lambda store: store.closer.close(JOB, "cancelled"))
    before = report(backend)

    for _ in range(2):
        with pytest.raises(RunGivenUpError):
            backend.worker("late").begin(forced(JOB))

    assert report(backend) == before
    assert kinds(backend)[-1] == "closed"
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("late")) == set()
    assert backend.sync.zscore(DEFAULT_KEYS.running, JOB) is None


@pytest.mark.parametrize("runs_before", [0, 1])
def test_the_end_shuts_out_the_run_that_was_to_come(backend: Backend, runs_before: int) -> None:
    """A worker may look just before the job is closed, and begin just after."""
    create(backend)
    for number in range(runs_before):
        begun(backend, f"w{number}")
        given_up(backend, f"w{number}")
    next_id = f"{2 * runs_before + 1}-0"  # each run that was given up takes two numbers

    backend.api(lambda store: store.closer.close(JOB, "cancelled"))

    with backend.sync.pipeline(transaction=False) as pipe:
        Appender(TTL_S, DEFAULT_KEYS).queue(pipe, JOB, [(next_id, started(worker="late"))])
        assert pipe.execute() == [REFUSED]
    assert kinds(backend)[-1] == "closed"
    assert backend.sync.zscore(DEFAULT_KEYS.running, JOB) is None
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("late")) == set()


def test_a_job_that_is_not_there_can_not_begin(backend: Backend) -> None:
    """A message that outlived its job has nobody who waits for it."""
    with pytest.raises(RunGivenUpError):
        backend.worker().begin(forced(JOB))

    assert not backend.sync.exists(KEY)
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == set()


def test_a_late_write_does_not_bring_an_expired_job_back(backend: Backend) -> None:
    """Half a job without its beginning would stay for another day."""
    create(backend)
    run = begun(backend)
    backend.sync.delete(KEY)

    run.append(*step("tcp_connect"))
    with pytest.raises(RunGivenUpError):
        run.write()
    with pytest.raises(RunGivenUpError):
        run.close(*step("authorize"), status="finished")

    assert not backend.sync.exists(KEY)


def test_every_write_of_a_run_gives_the_job_its_time_to_live(backend: Backend) -> None:
    """Without it, one kind of write would be enough to fill Redis for ever."""
    create(backend)
    times_to_live = []

    backend.sync.persist(KEY)
    run = backend.worker().begin(forced(JOB))
    times_to_live.append(backend.sync.ttl(KEY))
    backend.sync.persist(KEY)
    run.append(*step("dns_lookup"))
    run.write()
    times_to_live.append(backend.sync.ttl(KEY))
    backend.sync.persist(KEY)
    run.close(status="finished")
    times_to_live.append(backend.sync.ttl(KEY))

    assert times_to_live == [pytest.approx(TTL_S, abs=5)] * 3


def test_a_worker_is_at_a_job_from_its_beginning_to_its_end(backend: Backend) -> None:
    """When a worker dies, its jobs are found by this list alone."""
    create(backend)
    run = begun(backend)
    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == {JOB.encode()}

    run.close(status="finished")

    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == set()


def test_a_worker_can_leave_a_job(backend: Backend) -> None:
    """A run that was given up is not this worker's any more."""
    create(backend)
    store = backend.worker()
    run = store.begin(forced(JOB))

    store.leave(run)

    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == set()


def test_a_worker_that_left_a_run_is_still_at_the_next_one(backend: Backend) -> None:
    """A worker that was cut off may be given its own job back before it is done with it."""
    create(backend)
    store = backend.worker("w1")
    first = store.begin(forced(JOB))
    given_up(backend, "w1")
    store.begin(forced(JOB))

    store.leave(first)

    assert backend.sync.smembers(DEFAULT_KEYS.jobs_of("w1")) == {JOB.encode()}


def test_each_write_is_announced_by_the_kind_of_its_last_entry(backend: Backend) -> None:
    """Whoever waits for the end alone need not look at every step."""
    create(backend)
    heard: list[object] = []
    with listening_to(backend, DEFAULT_KEYS.job(JOB)) as listening:
        begun(backend).close(*step("tcp_connect"), status="finished")
        while b"closed" not in heard:
            message = listening.get_message(timeout=5)
            assert message is not None
            heard.append(message["data"])

    assert heard == [b"started", b"step_ended", b"closed"]


def test_the_same_write_twice_is_one_write(backend: Backend) -> None:
    """When the answer to a write is lost with the connection, it is sent again."""
    create(backend)
    store = backend.worker()
    run = store.begin(forced(JOB))
    rows = [("1-1", step("dns_lookup")[0]), ("1-2", step("dns_lookup")[1])]

    assert store.writer.write((run, rows)) == [True]
    assert store.writer.write((run, rows)) == [True]

    assert len(report(backend).made) == 1


def test_another_write_under_the_same_number_is_refused(backend: Backend) -> None:
    """Only the very same entries may pass for a repetition."""
    create(backend)
    store = backend.worker()
    run = store.begin(forced(JOB))
    store.writer.write((run, [("1-1", step("dns_lookup")[0])]))

    assert store.writer.write((run, [("1-1", step("tcp_connect")[0])])) == [False]
    assert kinds(backend) == ["queued", "started", "step_started"]


def milliseconds_left(backend: Backend, key: str) -> int:
    left_ms = backend.sync.pttl(key)
    assert isinstance(left_ms, int)
    return left_ms


def test_a_sign_of_life_is_given_for_the_worker_and_its_queues(backend: Backend) -> None:
    """The API asks for the queue, and looks after the jobs of a worker."""
    backend.worker("w1").signs.beat({"interactive": SLOTS, "bulk": 5})

    for key in (
        DEFAULT_KEYS.sign_of_worker("w1"),
        DEFAULT_KEYS.sign_of_queue("interactive"),
        DEFAULT_KEYS.sign_of_queue("bulk"),
    ):
        time_left_ms = backend.sync.pttl(key)
        assert isinstance(time_left_ms, int)
        assert 0 < time_left_ms <= NEAR.sign_ms


def test_a_worker_announces_its_slots_with_each_sign_of_life(backend: Backend) -> None:
    """A tenant's share is a part of the slots that are alive."""
    for _ in range(2):
        backend.worker("w1").signs.beat({"interactive": 200, "bulk": 5})
        backend.worker("w2").signs.beat({"bulk": 7})

    assert backend.sync.zrange(DEFAULT_KEYS.slots("interactive"), 0, -1) == [b"w1 200"]
    assert backend.sync.zrange(DEFAULT_KEYS.slots("bulk"), 0, -1) == [b"w1 5", b"w2 7"]
    assert 0 < backend.sync.pttl(DEFAULT_KEYS.slots("bulk")) <= NEAR.sign_ms


@pytest.mark.parametrize(("site", "signs_s"), [(DEFAULT_SITE, 2), ("fra1", 25)])
def test_a_sign_of_life_lasts_as_long_as_the_site_is_far(
    backend: Backend, site: str, signs_s: float
) -> None:
    """The line to a site may be cut for 20 s, in which its workers are neither lost nor refused."""
    keys = SiteKeys.of(site)
    backend.worker("w1", keys).signs.beat({"bulk": SLOTS})

    for key in (keys.sign_of_worker("w1"), keys.sign_of_queue("bulk"), keys.slots("bulk")):
        assert signs_s - 1 < milliseconds_left(backend, key) / 1000 <= signs_s


@pytest.mark.parametrize(
    ("wanted_s", "signs_s"), [(4, 2), (120, 100), (None, 25), (0.1, 25), (86_400, 25)]
)
def test_a_sign_of_life_lasts_as_long_as_the_reaper_wants(
    backend: Backend, wanted_s: float | None, signs_s: float
) -> None:
    """The API alone knows what is declared for a site, and the worker learns it with a beat."""
    keys = SiteKeys.of("fra1")
    worker = backend.worker("w1", keys)
    if wanted_s:
        wanted_ms = Silence(wanted_s).sign_ms
        backend.sync.set(keys.reaping, wanted_ms)
    for _ in range(2):
        worker.signs.beat({"bulk": SLOTS})
    worker.signs.tell_figures(b"figures")

    assert signs_s - 1 < milliseconds_left(backend, keys.sign_of_worker("w1")) / 1000 <= signs_s
    assert milliseconds_left(backend, keys.figures("w1")) / 1000 > signs_s - 1


def test_an_older_api_does_not_say_how_long_signs_last(backend: Backend) -> None:
    """During an upgrade workers are not given up sooner."""
    backend.sync.set(DEFAULT_KEYS.reaping, 1)
    worker = backend.worker("w1")
    for _ in range(2):
        worker.signs.beat({"bulk": SLOTS})

    assert milliseconds_left(backend, DEFAULT_KEYS.sign_of_worker("w1")) > 1000


def test_the_entries_of_a_worker_are_of_redis_clock(backend: Backend) -> None:
    """A site's clock may be hours off; what its workers write stands beside what the API writes."""
    create(backend)
    hours_ahead = backend.sync
    hours_ahead.set_response_callback("TIME", lambda told, **_: (int(told[0]) + 36_000, 0))
    worker = worker_of(hours_ahead)
    worker.signs.beat({"interactive": SLOTS})

    run = worker.begin(forced(JOB))
    run.close(status="finished")

    _, began, ended = [entry for _, entry in story(backend)]
    by_our_clock = datetime.now(UTC) + timedelta(hours=9)
    assert by_our_clock < began.at <= ended.at < by_our_clock + timedelta(hours=2)


def test_what_is_known_of_workers_goes_away_by_itself(backend: Backend) -> None:
    """A worker that is never seen again must not be remembered for ever."""
    create(backend)
    begun(backend)

    backend.worker().signs.beat({"interactive": SLOTS})

    keys = backend.sync.keys("conncheck:*worker*")
    assert isinstance(keys, list)
    for key in (*keys, DEFAULT_KEYS.jobs_of("w1")):
        time_left_s = backend.sync.ttl(key)
        assert isinstance(time_left_s, int)
        assert time_left_s > 0


def test_a_beat_that_fails_is_told_at_once() -> None:
    """A worker that waited for minutes would have been declared dead meanwhile."""
    server = fakeredis.FakeServer()
    server.connected = False

    with pytest.raises(StoreUnreachableError):
        worker_of(fakeredis.FakeRedis(server=server)).signs.beat({"interactive": SLOTS})


def test_cancellations_are_heard(backend: Backend) -> None:
    """A worker is told by its id which job to let go of."""
    with ThreadPoolExecutor() as pool:
        heard = pool.submit(next, backend.worker().signs.cancellations())
        while not heard.done():  # nobody is told of what came before the subscription
            backend.api(lambda store: store.closer.cancel(JOB))

    assert heard.result() == JOB


def test_a_write_waits_for_a_store_that_is_away(fallible: tuple[Backend, Outages]) -> None:
    """A test that is done must not be lost to a Redis that restarts."""
    backend, outages = fallible
    create(backend)
    run = begun(backend)

    outages.begin()
    with mending(outages.end) as mender:
        run.close(*step("tcp_connect"), status="finished")

    assert mender.outages == 1
    assert report(backend).status == "finished"


def test_a_write_waits_for_a_store_whose_memory_is_full(real: Backend) -> None:
    """It is there and says no; a write that were thrown away would leave a hole in the story."""
    create(real)
    run = begun(real)
    run.append(*step("tcp_connect"))

    with mending(lambda: real.sync.config_set("maxmemory", 0)) as mender:
        real.sync.config_set("maxmemory", 1)
        run.append(step("authenticate")[0])
    run.close(step("authenticate")[1], status="finished")

    assert mender.outages == 1
    names = [item.name for item in report(real).made]
    assert names == ["dns_lookup", "tcp_connect", "authenticate"]


def test_what_a_sign_in_waits_for_outlives_a_killed_redis(mortal: tuple[OwnRedis, Backend]) -> None:
    """Redis answers before it writes to its file; the next worker would sign in again."""
    server, backend = mortal
    create(backend)
    run = begun(backend)
    keep_the_disk_busy(backend.sync)

    run.append(step("authenticate")[0])
    server.kill()
    server.start()

    assert kinds(backend) == ["queued", "started", "step_started", "step_ended", "step_started"]


def test_what_a_caller_was_told_outlives_a_killed_redis(mortal: tuple[OwnRedis, Backend]) -> None:
    """A job that is finished must not be run, or be waited for, again."""
    server, backend = mortal
    create(backend)
    run = begun(backend)
    keep_the_disk_busy(backend.sync)

    run.close(status="finished")
    server.kill()
    server.start()

    assert report(backend).status == "finished"


def test_a_run_whose_beginning_redis_has_forgotten_does_not_sign_in(backend: Backend) -> None:
    """It was killed between its answer and its file, and another worker has begun the job."""
    create(backend)
    forgotten = begun(backend, "w1")
    backend.sync.delete(KEY)
    create(backend)
    run = backend.worker("w2").begin(forced(JOB))
    run.append(step("authenticate")[0])

    with pytest.raises(RunGivenUpError):
        forgotten.append(step("authenticate")[0])
    with pytest.raises(RunGivenUpError):
        forgotten.close(status="finished")

    assert kinds(backend) == ["queued", "started", "step_started"]


def test_a_run_that_redis_has_forgotten_begins_again_unless_another_has(backend: Backend) -> None:
    """It may have signed in; and the reaper has to know who is at the job."""
    create(backend)
    run = begun(backend, "w1")
    backend.sync.flushall()
    create(backend)

    run.append(*step("tcp_connect"))
    run.write()

    assert kinds(backend) == ["queued", "started", *["step_started", "step_ended"] * 2]
    assert backend.api(lambda store: store.workload.waiting()) == []
    assert backend.api(lambda store: store.dead_workers.jobs_of("w1")) == [JOB]
    with pytest.raises(RunGivenUpError):
        backend.worker("w2").begin(forced(JOB))
    run.close(status="finished")
    assert backend.sync.zcard(DEFAULT_KEYS.running) == 0


def test_a_story_with_a_forgotten_end_is_told_whole(backend: Backend) -> None:
    """A failover forgets the last second: a step that ends must have begun, for all who read it."""
    create(backend)
    run = begun(backend)
    first, second = step("tcp_connect")
    run.append(first)
    run.write()
    kept = cast("list[tuple[bytes, dict[Any, Any]]]", backend.sync.xrange(KEY))[:-2]
    backend.sync.delete(KEY)
    for entry_id, fields in kept:
        backend.sync.xadd(KEY, fields, entry_id)

    run.append(second)
    run.write()

    assert [entry_id for entry_id, _ in story(backend)] == [
        "0-1",
        "1-0",
        "1-1",
        "1-2",
        "1-3",
        "1-4",
    ]


@pytest.fixture
def with_replica(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Give a Redis and its replica."""
    with replicated(tmp_path) as nodes:
        yield nodes


def waits_of(redis: Redis) -> int:
    """Return how often a Redis has been asked to wait for its replica."""
    stats = redis.info("commandstats")
    return int(stats.get("cmdstat_wait", {"calls": 0})["calls"])


def test_a_replica_that_hangs_holds_up_only_who_waits_for_it(
    with_replica: tuple[Node, Node],
) -> None:
    """Each look takes 0.1 s then: begins, turns and steps would stand behind all of them."""
    primary, replica = with_replica
    url = f"redis://127.0.0.1:{primary.port}"
    backend = Backend(connect(url), lambda: connect_async(url))
    for n in range(CROWD):
        backend.sync.xadd(DEFAULT_KEYS.job(f"{n}"), {"entry": queued().model_dump_json()}, "0-1")
    store = backend.worker()
    runs = [store.begin(forced(f"{n}")) for n in range(CROWD)]

    with ThreadPoolExecutor(CROWD) as pool, replica.frozen():
        signing_in = [pool.submit(run.append, step("authenticate")[0]) for run in runs]
        poll(lambda: waits_of(backend.sync) > 2)
        before = waits_of(backend.sync)
        store.round_trips.execute(lambda pipe: pipe.ping())
        during = waits_of(backend.sync) - before
        assert not any(one.done() for one in signing_in)

    assert during < CROWD / 2
    assert [one.result() for one in signing_in] == [None] * CROWD


def test_a_write_that_redis_has_forgotten_is_made_again(mortal: tuple[OwnRedis, Backend]) -> None:
    """It was killed between its answer and its file; nobody has acted on the answer yet."""
    server, backend = mortal
    create(backend)
    run = begun(backend)
    keep_the_disk_busy(backend.sync)

    def kill() -> None:
        with connect(server.url) as looking:
            while not looking.xrange(KEY, "1-3", "1-3"):
                pass
        server.kill()
        server.start()

    with ThreadPoolExecutor(1) as aside:
        killing = aside.submit(kill)
        run.append(step("authenticate")[0])
        killing.result()

    assert kinds(backend)[-1] == "step_started"
    assert story(backend)[-1][0] == "1-3"
