import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from shared.queued_job import INTERACTIVE
from shared.store.batches.batch import NewItem
from shared.store.batches.batch_creation import UNFINISHED_UPLOAD_S
from shared.store.batches.batch_store import BatchStore
from shared.store.idempotency import Claim
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import sign_of_queue
from shared.store.limits.kept_results import TooManyKeptError
from tests.shared.conftest import TTL_S, Backend
from tests.shared.store.batches.batches import (
    BATCH,
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
    ask(backend, lambda store: store.creation.add(BATCH, [FOLLOWER], {"digest": SEALED}))

    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.unfinished()) == []
    assert all(0 < lives <= UNFINISHED_UPLOAD_S for lives in lives_s(backend).values())


def test_what_is_discarded_leaves_nothing(backend: Backend) -> None:
    """It holds sealed credentials of somebody who was refused."""
    ask(backend, lambda store: store.creation.add(BATCH, [FOLLOWER], {"digest": SEALED}))

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


def test_a_batch_counts_as_many_results_as_it_has_items(backend: Backend) -> None:
    """One batch may be 50,000 results; what is refused is not there, and counts for nothing."""
    _create(backend, "a" * 24, 6)

    with pytest.raises(TooManyKeptError):
        _create(backend, BATCH, 5)

    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.unfinished()) == ["a" * 24]
    _create(backend, BATCH, 4)


def test_single_tests_and_items_of_batches_share_the_room(backend: Backend) -> None:
    """A tenant could else keep twice as much."""
    backend.sync.set(sign_of_queue(INTERACTIVE), 1)
    alone = new_job()
    begins = alone.queued.model_copy(update={"tenant": "alice", "at": datetime.now(UTC)})
    job = replace(alone, queued=begins)
    _create(backend, BATCH, MOST)

    with pytest.raises(TooManyKeptError):
        backend.run(lambda redis: JobStore.of(redis, TTL_S, MOST).creation.create(job, 10))


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
        creation = BatchStore.of(redis, TTL_S, 1000).creation
        ids = [f"{n:024x}" for n in range(20)]
        made = [creation.create(one, a_batch(5), [], ["t"] * 5, {}, claim=claim) for one in ids]
        return await asyncio.gather(*made)

    made = backend.run(at_once)

    assert len(set(made)) == 1
    assert [*map(int, backend.sync.hvals("conncheck:kept-of:alice"))] == [5]


MOST = 10


def _create(backend: Backend, batch_id: str, total: int, claim: Claim | None = None) -> str:
    return backend.run(
        lambda redis: BatchStore.of(redis, TTL_S, MOST).creation.create(
            batch_id, a_batch(total), [], ["t"] * total, {}, claim=claim
        )
    )
