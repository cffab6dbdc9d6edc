import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from api.batches.errors import BatchError
from api.batches.problems import batch_problem
from api.problems import ApiProblemError
from shared.queue.queued_job import BULK
from shared.store.batches.batch import TooManyOpenBatchesError
from shared.store.batches.letters import CANCELLED, WAITING
from shared.store.errors import StoreUnreachableError
from shared.store.idempotency import Claim
from shared.store.site_keys import DEFAULT_KEYS
from shared.uploads import Row, UploadError
from tests.api.batches.batching import ALICE, MAX_ITEMS, MOST_OPEN, Api, with_api
from tests.api.batches.receiving.test_intake import content, rows
from tests.running.own_sentinels import replicated


def kept(redis: Redis) -> set[bytes]:
    return {*redis.scan_iter()} - {DEFAULT_KEYS.sign_of_queue(BULK).encode()}


def refusal(
    url: str, upload: AsyncIterator[Row], *, strict: bool = False, longest_s: float = 60
) -> ApiProblemError:
    """Return what the caller of an upload that is refused is told."""

    async def received(api: Api) -> None:
        submission = replace(api.batches.submission, longest_upload_s=longest_s)
        await submission.receive(upload, ALICE, strict=strict)

    with pytest.raises((BatchError, UploadError)) as raised:
        with_api(url, received)
    return batch_problem(raised.value)


def test_an_upload_that_takes_too_long_is_given_up(real_redis: Redis, served: str) -> None:
    """Its first items would have gone again before its last ones came."""

    async def upload() -> AsyncIterator[Row]:
        yield Row("line 1", content())
        await asyncio.Event().wait()

    refused = refusal(served, upload(), longest_s=0.05)

    assert refused.problem.status == 408
    assert kept(real_redis) == set()


def test_an_upload_with_too_many_items_is_refused_whole(real_redis: Redis, served: str) -> None:
    """It is unknown which of them the caller wanted."""
    refused = refusal(served, rows([content()] * (MAX_ITEMS + 1)))

    assert refused.problem.status == 413
    assert str(MAX_ITEMS) in refused.problem.detail
    assert kept(real_redis) == set()


@pytest.mark.parametrize(("kind", "status"), [("unsupported-media-type", 415), ("too-large", 422)])
def test_an_upload_that_breaks_off_is_refused_whole(
    real_redis: Redis, served: str, kind: str, status: int
) -> None:
    """The rows that came are not what its caller meant to send."""

    async def upload() -> AsyncIterator[Row]:
        yield Row("line 1", content())
        if kind == "too-large":
            raise UploadError("It is too long.", kind="too-large")
        raise UploadError("It is no JSON.", kind="unsupported-media-type")

    assert refusal(served, upload()).problem.status == status
    assert kept(real_redis) == set()


def test_a_strict_upload_with_a_bad_row_is_refused_with_its_place(
    real_redis: Redis, served: str
) -> None:
    """Its caller wants all or nothing."""
    refused = refusal(served, rows([content(), {}]), strict=True)

    assert refused.problem.status == 422
    told = [error.model_dump() for error in refused.problem.errors or ()]
    assert [(error["place"], error["field"]) for error in told] == [("line 2", "productType")]
    assert kept(real_redis) == set()


def test_an_upload_of_bad_rows_alone_is_refused(real_redis: Redis, served: str) -> None:
    """There is nothing to test."""
    assert refusal(served, rows([{}, {}])).problem.status == 422
    assert kept(real_redis) == set()


def test_without_a_worker_for_batches_nothing_is_received(
    real_redis: Redis, redis_url: str
) -> None:
    """The caller is told before the upload is read."""
    refused = refusal(redis_url, rows([content()]))

    assert refused.problem.status == 503
    assert kept(real_redis) == set()


def test_a_tenant_with_too_many_batches_is_told_before_its_upload_is_read(served: str) -> None:
    """An upload with an Idempotency-Key is read: it may be the one of a batch that counts."""

    async def unread() -> AsyncIterator[Row]:
        raise AssertionError
        yield Row("line 1", content())

    async def submitted(api: Api) -> None:
        receive = partial(api.batches.submission.receive, caller=ALICE, strict=False)
        for _ in range(MOST_OPEN):
            await api.batches.submission.start(await receive(rows([content()])))
        with pytest.raises(TooManyOpenBatchesError):
            await receive(unread())
        intake = await receive(rows([content()]), may_exist=True)
        with pytest.raises(TooManyOpenBatchesError):
            await api.batches.submission.start(intake)
        assert not [key async for key in api.redis.scan_iter(f"*{intake.batch_id}*")]
        operators = replace(ALICE, is_operators=True)
        intake = await receive(rows([content()]), caller=operators)
        await api.batches.submission.start(intake)

    with_api(served, submitted)


def test_a_batch_that_its_caller_is_told_has_not_begun_does_not_begin(tmp_path: Path) -> None:
    """It is sent again, and each would sign in; with an Idempotency-Key it is found again."""

    async def letters_of(api: Api, claim: Claim | None) -> str:
        submission = api.batches.submission
        intake = await submission.receive(rows([content(), content()]), ALICE, strict=False)
        with pytest.raises(StoreUnreachableError):
            await submission.start(intake, claim)
        state = await api.store.records.state(intake.batch_id)
        assert state
        return state.letters

    with replicated(tmp_path) as (primary, replica):
        url = f"redis://127.0.0.1:{primary.port}"
        with primary.client() as redis:
            redis.set(DEFAULT_KEYS.sign_of_queue(BULK), 1)
        with replica.frozen():
            claim = ALICE.claim("key", b"the same")
            assert with_api(url, lambda api: letters_of(api, None)) == CANCELLED * 2
            assert with_api(url, lambda api: letters_of(api, claim)) == WAITING * 2
