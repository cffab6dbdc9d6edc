import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.queue.queued_job import INTERACTIVE
from shared.store.batches.batch import NewItem, TooManyOpenBatchesError
from shared.store.batches.batch_creation import UNFINISHED_UPLOAD_S
from shared.store.batches.batch_keys import batch_key, ca_certificates_key
from shared.store.batches.batch_store import BatchStore
from shared.store.gate import RedisGate
from shared.store.idempotency import Claim
from shared.store.jobs.job_store import JobStore
from shared.store.limits.kept_results import BYTES_A_RESULT, TooManyKeptError
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import TTL_S, Backend, turn_limits
from tests.shared.store.batches.batches import (
    BATCH,
    MOST_OPEN,
    SEALED,
    a_batch,
    ask,
    created,
    letters,
    lives_s,
    new_item,
    sealed,
)
from tests.shared.store.jobs.jobs import new_job

FOLLOWER = replace(new_item(1), same_as=0)


def test_what_is_not_created_is_no_batch(backend: Backend) -> None:
    """Its caller has gone in the middle of it, or was refused."""
    ask(
        backend,
        lambda store: store.creation.add(BATCH, [FOLLOWER], {"default": {"digest": SEALED}}),
    )

    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.unfinished()) == []
    assert all(0 < lives <= UNFINISHED_UPLOAD_S for lives in lives_s(backend).values())


def test_what_is_discarded_leaves_nothing(backend: Backend) -> None:
    """It holds sealed credentials of somebody who was refused."""
    ask(
        backend,
        lambda store: store.creation.add(BATCH, [FOLLOWER], {"default": {"digest": SEALED}}),
    )

    ask(backend, lambda store: store.creation.discard(BATCH))

    assert lives_s(backend) == {}


def test_an_item_that_is_equal_to_another_needs_no_request_of_its_own(backend: Backend) -> None:
    """Its credentials lie in Redis once."""
    items = [new_item(0), NewItem(1, new_item(1).item, "")]

    ask(backend, lambda store: store.creation.add(BATCH, items))

    assert sealed(backend, 0, 1) == [SEALED, None]


def test_credentials_go_when_no_test_may_begin_any_more(backend: Backend) -> None:
    """The results are kept longer than what was sealed for them."""
    created(backend, 1, start_within_s=-1)

    assert sealed(backend, 0) == [None]
    assert letters(backend) == "q"


def open_one(backend: Backend, number: int, *, share_of: str, claim: Claim | None = None) -> str:
    """Create a batch of one item that counts for a tenant."""
    batch_id, batch = f"{number:024x}", a_batch(1, share_of=share_of)

    async def create(store: BatchStore) -> str:
        await store.creation.add(batch_id, [new_item(0, batch_id)])
        return await store.creation.create(batch_id, batch, [], ["t"], {}, claim=claim)

    return ask(backend, create)


def fill(backend: Backend, share_of: str = "alice") -> None:
    """Open as many batches as a tenant may have."""
    for number in range(MOST_OPEN):
        open_one(backend, number, share_of=share_of)


def test_a_tenant_opens_no_more_batches_than_it_may(backend: Backend) -> None:
    """A thousand of one tenant would keep all others' from being accepted."""
    fill(backend)

    with pytest.raises(TooManyOpenBatchesError) as refused:
        open_one(backend, 7, share_of="alice")

    assert refused.value.most == MOST_OPEN
    assert not backend.sync.exists(batch_key(f"{7:024x}"))
    assert len(ask(backend, lambda store: store.records.unfinished())) == MOST_OPEN


def test_a_tenant_with_too_many_batches_is_refused_before_it_sends_another(
    backend: Backend,
) -> None:
    """Its upload would be read, sealed and stored for nothing."""
    fill(backend)

    with pytest.raises(TooManyOpenBatchesError):
        ask(backend, lambda store: store.creation.refuse_if_full("alice"))
    ask(backend, lambda store: store.creation.refuse_if_full("bob"))


def test_the_batches_of_one_tenant_do_not_count_for_another(backend: Backend) -> None:
    """Nor do those of the operator's own tokens, which have no limit."""
    fill(backend)

    for number in range(MOST_OPEN + 1):
        open_one(backend, 10 + number, share_of="")
    assert open_one(backend, 7, share_of="bob") == f"{7:024x}"


def test_a_batch_that_is_gone_makes_room(backend: Backend) -> None:
    """It expired before it was finished, and no count is kept that could be wrong."""
    fill(backend)
    backend.sync.delete(batch_key(f"{0:024x}"))

    assert open_one(backend, 7, share_of="alice") == f"{7:024x}"


def test_a_batch_that_its_key_has_made_is_no_second_one(backend: Backend) -> None:
    """Its caller lost the answer, and must get it although there is no room for another one."""
    claim = Claim("caller-key-1", "f" * 64)
    first = open_one(backend, 7, share_of="alice", claim=claim)
    for number in range(MOST_OPEN - 1):
        open_one(backend, number, share_of="alice")

    assert open_one(backend, 8, share_of="alice", claim=claim) == first
    assert open_one(backend, 7, share_of="alice", claim=claim) == first  # redis-py sent it twice


def test_a_batch_counts_as_many_results_as_it_has_items(backend: Backend) -> None:
    """One batch may be 50,000 results; what is refused is not there, and counts for nothing."""
    _create(backend, "a" * 24, 6)

    with pytest.raises(TooManyKeptError):
        _create(backend, BATCH, 5)

    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.unfinished()) == ["a" * 24]
    _create(backend, BATCH, 4)


def test_a_batch_counts_as_many_results_as_fit_into_its_memory(backend: Backend) -> None:
    """A hundred items with CA certificates of their own are 30 MB, as much as 7,000 results."""
    size = 5 * BYTES_A_RESULT
    _create(backend, "a" * 24, 1, sealed_bytes=size)

    with pytest.raises(TooManyKeptError):
        _create(backend, BATCH, 1, sealed_bytes=size + BYTES_A_RESULT)

    _create(backend, BATCH, 5, sealed_bytes=size)


def test_a_repeated_batch_counts_the_ca_certificates_that_it_takes_along(backend: Backend) -> None:
    """Else repeating one item of a batch would keep as much as all of it."""
    keys = ca_certificates_key("a" * 24), ca_certificates_key(BATCH)
    backend.sync.hset(keys[0], mapping={"one": "12345", "other": "123"})

    def copied() -> int:
        return ask(backend, lambda store: store.creation.add_ca_certificates_of("a" * 24, BATCH))

    assert copied() == 8
    assert backend.sync.hgetall(keys[1]) == backend.sync.hgetall(keys[0])


def test_single_tests_and_items_of_batches_share_the_room(backend: Backend) -> None:
    """A tenant could else keep twice as much."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(INTERACTIVE), 1)
    alone = new_job()
    of_alice = {"tenant": "alice", "share_of": "alice", "at": datetime.now(UTC)}
    begins = alone.queued.model_copy(update=of_alice)
    job = replace(alone, queued=begins)
    _create(backend, BATCH, MOST)

    with pytest.raises(TooManyKeptError):
        backend.run(lambda redis: job_store(redis).creation.create(job, 10))


def test_the_batch_that_a_key_has_made_is_found_when_there_is_no_room(backend: Backend) -> None:
    """A repeated upload makes nothing: it must not be refused, nor count."""
    claim = Claim("key", "fingerprint")
    assert _create(backend, BATCH, 6, claim) == BATCH

    for _ in range(3):
        assert _create(backend, "a" * 24, 6, claim) == BATCH
    _create(backend, "c" * 24, 4)


def test_of_equal_uploads_at_once_one_counts(backend: Backend) -> None:
    """A caller that lost its connection sends again while the first one is being written."""
    claim = Claim("key", "fingerprint")

    async def at_once(redis: Redis) -> Sequence[str]:
        creation = BatchStore.of(RedisGate(redis), TTL_S, MOST_OPEN, 1000).creation
        ids = [f"{n:024x}" for n in range(20)]
        made = [creation.create(one, a_batch(5), [], ["t"] * 5, {}, claim=claim) for one in ids]
        return await asyncio.gather(*made)

    made = backend.run(at_once)

    assert len(set(made)) == 1
    assert [*map(int, backend.sync.hvals("conncheck:kept-of:alice"))] == [5]


MOST = 10


def job_store(redis: Redis) -> JobStore:
    """Return the jobs, of which a tenant may have MOST."""
    return JobStore.of(RedisGate(redis), TTL_S, turn_limits(), MOST)


def _create(
    backend: Backend, batch_id: str, total: int, claim: Claim | None = None, sealed_bytes: int = 0
) -> str:
    batch = a_batch(total, share_of="alice")
    more: dict[str, Any] = {"claim": claim, "sealed_bytes": sealed_bytes}
    return backend.run(
        lambda redis: BatchStore.of(RedisGate(redis), TTL_S, MOST_OPEN, MOST).creation.create(
            batch_id, batch, [], ["t"] * total, {}, **more
        )
    )
