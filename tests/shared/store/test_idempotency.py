import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from shared.store.batches.batch_keys import UNFINISHED_BATCHES, letters_key
from shared.store.batches.batch_store import BatchStore
from shared.store.gate import RedisGate
from shared.store.idempotency import (
    KEPT_S,
    Claim,
    IdempotencyStore,
    KeyReusedError,
)
from shared.store.jobs.job_creation import NoWorkerError, QueueFullError
from shared.store.jobs.job_store import JobStore
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.own_redis import OwnRedis
from tests.shared.conftest import TTL_S, Backend, keep_the_disk_busy
from tests.shared.store.batches.batches import MOST_OPEN, a_batch, new_item
from tests.shared.store.jobs.jobs import MOST_QUEUED, QUEUE, new_job

T = TypeVar("T")
CLAIM = Claim("caller-key-1", "f" * 64)
OTHER_REQUEST = Claim("caller-key-1", "0" * 64)
FIRST, SECOND = "a" * 24, "b" * 24


@pytest.fixture
def served(backend: Backend) -> Backend:
    """Give a store with a worker."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    return backend


def made_by(backend: Backend, claim: Claim = CLAIM) -> str | None:
    """Return what the key has made."""
    return backend.run(lambda redis: IdempotencyStore(RedisGate(redis)).result_of(claim))


def create(backend: Backend, job_id: str, claim: Claim = CLAIM, instead_of: str = "") -> str:
    """Create a job for a claim; return the claim's job."""
    job = new_job(job_id)
    return backend.api(lambda store: store.creation.create(job, MOST_QUEUED, claim, instead_of))


async def create_batch(store: BatchStore, batch_id: str, claim: Claim = CLAIM) -> str:
    """Create a batch for a claim; return the claim's batch."""
    await store.creation.add(batch_id, [new_item(0, batch_id)])
    return await store.creation.create(batch_id, a_batch(1), [], ["t"], {}, claim=claim)


def ask(backend: Backend, call: Callable[[BatchStore], Awaitable[T]]) -> T:
    """Return what `call` makes of the batches."""
    return backend.run(lambda redis: call(BatchStore.of(RedisGate(redis), TTL_S, MOST_OPEN)))


def test_a_key_has_made_nothing_before_it_came(backend: Backend) -> None:
    """Asking does not use it up: what asked may die, or be refused."""
    assert made_by(backend) is None
    assert made_by(backend) is None
    assert backend.sync.keys("*") == []


def test_a_key_makes_one_job(served: Backend) -> None:
    """A client that lost the answer must not test, and sign in, a second time."""
    assert create(served, "4f2a") == "4f2a"
    assert create(served, "5b1c") == "4f2a"

    assert made_by(served) == "4f2a"
    assert not served.sync.exists(DEFAULT_KEYS.job("5b1c"))
    assert served.sync.zrange(DEFAULT_KEYS.queued, 0, -1) == [b"4f2a"]


def test_a_key_makes_one_batch(backend: Backend) -> None:
    """The same file twice would be thousands of sign-ins twice."""
    assert ask(backend, lambda store: create_batch(store, FIRST)) == FIRST
    assert ask(backend, lambda store: create_batch(store, SECOND)) == FIRST

    assert made_by(backend) == FIRST
    assert not backend.sync.exists(letters_key(SECOND))
    assert backend.sync.zrange(UNFINISHED_BATCHES, 0, -1) == [FIRST.encode()]


def test_a_key_makes_one_batch_of_many_uploads_at_once(real: Backend) -> None:
    """Retries can overtake each other between the look at the key and the creation."""

    async def many(store: BatchStore) -> list[str]:
        return await asyncio.gather(*(create_batch(store, f"{n:024x}") for n in range(20)))

    made = ask(real, many)

    assert len(set(made)) == 1
    assert real.sync.zrange(UNFINISHED_BATCHES, 0, -1) == [made[0].encode()]


def test_another_request_under_the_same_key_is_refused(served: Backend) -> None:
    """Whoever changes the request and keeps the key would be shown another one's result."""
    create(served, "4f2a")

    with pytest.raises(KeyReusedError):
        made_by(served, OTHER_REQUEST)
    with pytest.raises(KeyReusedError):
        create(served, "5b1c", OTHER_REQUEST)
    with pytest.raises(KeyReusedError):
        ask(served, lambda store: create_batch(store, FIRST, OTHER_REQUEST))
    assert not served.sync.exists(DEFAULT_KEYS.job("5b1c"))
    assert not served.sync.exists(letters_key(FIRST))


def test_keys_of_two_callers_do_not_meet(served: Backend) -> None:
    """Two callers may both number their requests from one."""
    create(served, "4f2a")

    assert create(served, "5b1c", Claim("other", CLAIM.fingerprint)) == "5b1c"


def test_a_job_that_is_refused_leaves_its_key_alone(backend: Backend) -> None:
    """A request that was answered 503 is meant to be sent again."""
    with pytest.raises(NoWorkerError):
        create(backend, "4f2a")
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    with pytest.raises(QueueFullError):
        backend.api(lambda store: store.creation.create(new_job("4f2a"), 0, CLAIM))

    assert made_by(backend) is None
    assert create(backend, "5b1c") == "5b1c"


def test_a_job_of_the_key_is_given_also_while_no_worker_lives(served: Backend) -> None:
    """It was taken; that nothing more can be is no news of it."""
    create(served, "4f2a")
    served.sync.delete(DEFAULT_KEYS.sign_of_queue(QUEUE))

    assert create(served, "5b1c") == "4f2a"
    assert served.sync.exists(DEFAULT_KEYS.job("4f2a"))


def test_a_job_that_counts_for_nothing_is_replaced_once(served: Backend) -> None:
    """Two may find at the same time that it never began."""
    create(served, "4f2a")

    assert create(served, "5b1c", instead_of="4f2a") == "5b1c"
    assert create(served, "6d3e", instead_of="4f2a") == "5b1c"
    assert made_by(served) == "5b1c"


def test_a_key_is_kept_for_a_day(served: Backend) -> None:
    """Nothing may stay for ever."""
    create(served, "4f2a")
    assert served.sync.ttl(CLAIM.redis_key) == pytest.approx(KEPT_S, abs=5)

    served.sync.flushall()
    ask(served, lambda store: create_batch(store, FIRST))
    assert served.sync.ttl(CLAIM.redis_key) == pytest.approx(KEPT_S, abs=5)


def test_a_job_that_its_caller_was_told_of_outlives_a_killed_redis(
    mortal: tuple[OwnRedis, Backend],
) -> None:
    """Redis answers before it writes to its file; an answer of 202 is a promise."""
    server, backend = mortal
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    keep_the_disk_busy(backend.sync)

    create(backend, "4f2a")
    server.kill()
    server.start()

    assert made_by(backend) == "4f2a"
    assert backend.sync.exists(DEFAULT_KEYS.job("4f2a"))


def test_a_batch_that_its_caller_was_told_of_outlives_a_killed_redis(
    mortal: tuple[OwnRedis, Backend],
) -> None:
    """Its caller would look for it in vain."""
    server, backend = mortal
    keep_the_disk_busy(backend.sync)

    ask(backend, lambda store: create_batch(store, FIRST))
    server.kill()
    server.start()

    assert made_by(backend) == FIRST
    assert backend.sync.exists(letters_key(FIRST))


@pytest.mark.parametrize("asked", ["by its key", "as a job", "as a batch"])
def test_what_is_told_again_outlives_a_killed_redis_too(
    mortal: tuple[OwnRedis, Backend], asked: str
) -> None:
    """Whoever made it may not have been answered yet."""
    server, backend = mortal
    keep_the_disk_busy(backend.sync)
    backend.sync.set(CLAIM.redis_key, CLAIM.naming(FIRST))

    ways: dict[str, Callable[[], str | None]] = {
        "by its key": lambda: made_by(backend),
        "as a job": lambda: create(backend, SECOND),
        "as a batch": lambda: ask(backend, lambda store: create_batch(store, SECOND)),
    }
    told = ways[asked]()
    server.kill()
    server.start()

    assert told == FIRST
    assert backend.sync.get(CLAIM.redis_key) == CLAIM.naming(FIRST).encode()


def test_a_batch_that_is_created_twice_begins_once(backend: Backend) -> None:
    """When its answer is lost with the connection, the same commands are sent again."""

    async def twice(store: BatchStore) -> str:
        await store.creation.create(FIRST, a_batch(2), [], ["t", "t"], {})
        await store.feed.put_to_work(FIRST, [0])
        await store.creation.create(FIRST, a_batch(2), [], ["t", "t"], {})
        state = await store.records.state(FIRST)
        return state.letters if state else ""

    assert ask(backend, twice) == "wq"


def test_a_creation_that_comes_twice_is_one(served: Backend) -> None:
    """When its answer is lost with the connection, the same command is sent again."""

    async def twice(store: JobStore) -> list[str]:
        job = new_job("4f2a")
        return [await store.creation.create(job, MOST_QUEUED, CLAIM) for _ in range(2)]

    assert served.api(twice) == ["4f2a"] * 2
    assert served.sync.xlen(DEFAULT_KEYS.job("4f2a")) == 1
