import pytest

from shared.queue.taken_messages import MOST_TAKEN, taken_in
from shared.silence import Silence
from shared.site_name import DEFAULT_SITE
from shared.store.jobs.dead_workers import MOST_WORKERS
from shared.store.limits.target_limit import MOST_OF_A_WORKER
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import SLOTS, Backend, forced
from tests.shared.diagnosis.stories import step
from tests.shared.store.jobs.jobs import (
    JOB,
    QUEUE,
    SEALED,
    begun,
    bulk_job,
    create,
    create_all,
    given_up,
    report,
)

NEAR = Silence.of(DEFAULT_SITE)


def test_a_job_of_a_worker_that_died_is_queued_again(backend: Backend) -> None:
    """Nothing irreversible has happened before the sign-in."""
    create(backend)
    begun(backend, "w1")

    assert given_up(backend, "w1") is True

    assert report(backend).status == "queued"
    assert backend.sync.get(DEFAULT_KEYS.sealed(JOB)) == SEALED.encode()
    assert backend.sync.zcard(DEFAULT_KEYS.queued) == 1


def test_a_job_whose_worker_may_have_signed_in_is_lost(backend: Backend) -> None:
    """A second sign-in could be the one that locks the account."""
    create(backend)
    begun(backend, "w1").append(step("authenticate")[0])

    assert given_up(backend, "w1") is False

    assert report(backend).status == "lost"
    assert not backend.sync.exists(DEFAULT_KEYS.sealed(JOB))
    assert backend.sync.zcard(DEFAULT_KEYS.queued) == 0


def test_a_job_is_not_given_up_twice(backend: Backend) -> None:
    """Two APIs look for dead workers at the same time; one of them queues the job again."""
    create(backend)
    begun(backend, "w1")

    assert [given_up(backend, "w1"), given_up(backend, "w1")] == [True, False]


def test_a_job_that_another_worker_has_is_not_given_up(backend: Backend) -> None:
    """The dead worker's list may be older than the job's next run."""
    create(backend)
    begun(backend, "w1")
    given_up(backend, "w1")
    second = begun(backend, "w2")

    assert given_up(backend, "w1") is False

    second.append(*step("tcp_connect"))
    second.write()
    assert [item.name for item in report(backend).made] == ["dns_lookup", "tcp_connect"]


def test_a_job_that_waits_or_is_over_is_not_given_up(backend: Backend) -> None:
    """There is no run to give up."""
    assert given_up(backend) is False
    create(backend)
    assert given_up(backend) is False
    begun(backend, "w1").close(status="finished")
    assert given_up(backend, "w1") is False

    assert report(backend).status == "finished"


def test_a_worker_without_a_sign_of_life_is_silent_until_it_is_forgotten(backend: Backend) -> None:
    """Its jobs are waited for by callers who know nothing of workers."""
    create(backend)
    for name in ("alive", "dead"):
        backend.worker(name).signs.beat({QUEUE: SLOTS})
    begun(backend, "dead")
    backend.sync.delete(DEFAULT_KEYS.sign_of_worker("dead"))

    assert backend.api(lambda store: store.dead_workers.silent_workers(NEAR)) == ["dead"]
    assert backend.api(lambda store: store.dead_workers.jobs_of("dead")) == [JOB]
    assert backend.api(lambda store: store.dead_workers.jobs_of("alive")) == []

    backend.api(lambda store: store.dead_workers.forget_job_of("dead", JOB))
    backend.api(lambda store: store.dead_workers.forget_worker("dead"))
    assert backend.api(lambda store: store.dead_workers.silent_workers(NEAR)) == []
    assert backend.api(lambda store: store.dead_workers.jobs_of("dead")) == []


def test_a_worker_that_still_has_a_job_is_not_forgotten(backend: Backend) -> None:
    """It may have begun one while its last sign of life expired."""
    create(backend)
    begun(backend, "slow")

    backend.api(lambda store: store.dead_workers.forget_worker("slow"))

    assert backend.api(lambda store: store.dead_workers.silent_workers(NEAR)) == ["slow"]


@pytest.mark.parametrize("start_within_s", [30, 3000])
def test_a_job_that_is_queued_again_may_wait_as_long_as_before(
    backend: Backend, start_within_s: float
) -> None:
    """Jobs of a full share expired after 15 seconds, because a worker had died."""
    create_all(backend, bulk_job(JOB, start_within_s))
    before = backend.api(lambda store: store.workload.oldest_start_by())
    backend.worker().begin(forced(JOB))

    given_up(backend)

    after = backend.api(lambda store: store.workload.oldest_start_by())
    assert before
    assert after
    assert abs((after - before).total_seconds()) < 2  # the sealed request lives for whole seconds


def test_a_million_of_what_a_site_may_list_is_not_read_whole(backend: Backend) -> None:
    """Who has its password lists what they like, and all callers of the API would wait."""
    keys, many = DEFAULT_KEYS, [f"interactive:{n:08x} host:1" for n in range(3000)]
    for key in (keys.workers, keys.jobs_of("w1"), keys.turns_of("w1"), keys.calls_of("w1")):
        backend.sync.sadd(key, *many)
    backend.sync.lpush(keys.taken_by("w1"), *many)

    silent = backend.api(lambda store: store.dead_workers.silent_workers(NEAR))
    told = [
        backend.api(lambda store: store.dead_workers.jobs_of("w1")),
        backend.api(lambda store: store.dead_workers.turns_of("w1")),
        backend.api(lambda store: store.dead_workers.calls_of("w1")),
        taken_in(backend.sync, keys.taken_by("w1")),
    ]

    assert len(set(silent)) == MOST_WORKERS
    assert [len(one) for one in told] == [MOST_OF_A_WORKER] * 3 + [MOST_TAKEN]
    assert told[3][0] == many[0].encode()  # the oldest
