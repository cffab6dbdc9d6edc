from dataclasses import replace
from functools import partial

import pytest

from api.batches.errors import NoSuchBatchError
from shared.store.batches.batch import BatchGoneError, RejectedRow
from shared.store.batches.batch_keys import items_key, job_id_of
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.jobs.job_stream import (
    CLOSING,
)
from shared.store.site_keys import DEFAULT_KEYS
from shared.wire.batches import BatchView
from tests.api.batches.batching import ALICE, Api, with_api
from tests.api.batches.receiving.test_intake import content, rows
from tests.shared.store.batches.batches import BATCH, a_batch, keep, new_item


async def started(api: Api) -> str:
    """Return the id of a batch of Alice's."""
    submission = api.batches.submission
    return await submission.start(await submission.receive(rows([content()]), ALICE, strict=False))


def test_a_caller_sees_no_batch_of_another(served: str) -> None:
    """Its labels and addresses are somebody else's."""

    async def looked(api: Api) -> None:
        batch_id = await started(api)
        assert (await api.batches.reader.own(batch_id, "alice")).batch.total == 1
        for other_id, caller in ((batch_id, "bob"), (BATCH, "alice"), ("*", "alice")):
            with pytest.raises(NoSuchBatchError):
                await api.batches.reader.own(other_id, caller)

    with_api(served, looked)


def test_a_batch_that_expires_while_it_is_looked_at_is_not_there(served: str) -> None:
    """Its keys go one after another; half of it is not what was asked for."""

    async def looked(api: Api) -> None:
        batch_id = await started(api)
        state = await api.batches.reader.own(batch_id, "alice")
        await api.redis.delete(items_key(batch_id))
        with pytest.raises(BatchGoneError):
            await api.batches.reader.results(batch_id, state, [0])

    with_api(served, looked)


def test_a_look_at_a_large_batch_costs_what_one_at_a_small_one_does(served: str) -> None:
    """A page that polls, or a hundred of them, must not slow down the tests of everyone."""
    costs = [with_api(served, partial(look_s_bytes, total=total)) for total in (400, 10_000)]

    assert costs[1] < costs[0] + 200  # longer numbers, and nothing an item


async def look_s_bytes(api: Api, total: int) -> int:
    """Return what Redis sends for a look at a batch of pairs, half of which have failed."""
    batch_id = f"{total:024x}"
    pairs = {n: [n + total // 2] for n in range(total // 2)}
    for begin in range(0, total, 1000):
        some = range(begin, begin + min(1000, total))
        followed = [n - total // 2 if n >= total // 2 else None for n in some]
        new = [
            replace(new_item(n, batch_id), same_as=first)
            for n, first in zip(some, followed, strict=True)
        ]
        await api.store.creation.add(batch_id, new[: total - begin])
    rejected = [RejectedRow(f"line {n}", "endpoint", "is required") for n in range(1000)]
    batch = a_batch(total, rejected=1000)
    await api.store.creation.create(batch_id, batch, rejected, ["t"] * total, pairs)
    failed = [ItemOutcome([n, *pairs[n]], "f", "tcp.refused", ["host=db"]) for n in pairs if n % 2]
    for begin in range(0, len(failed), 200):
        some_failed = failed[begin : begin + 200]
        indexes = [n for one in some_failed for n in one.indexes]
        await api.store.feed.put_to_work(batch_id, indexes)
        await api.store.settler.settle(batch_id, some_failed)
    await look(api, batch_id)
    sent = await bytes_sent(api)
    shown = await look(api, batch_id)
    assert (shown.queued, shown.failed, len(shown.errors)) == (total // 2, total // 2, 50)
    return await bytes_sent(api) - sent


async def look(api: Api, batch_id: str) -> BatchView:
    progress = await api.batches.reader.own_progress(batch_id, "alice")
    return await api.batches.reader.view(batch_id, progress)


async def bytes_sent(api: Api) -> int:
    """Return how many bytes Redis has sent to all its clients."""
    return int((await api.redis.info("stats"))["total_net_output_bytes"])


def test_a_cause_names_the_jobs_that_were_run(served: str) -> None:
    """The first item may be equal to another that was tested for it."""

    async def looked(api: Api) -> BatchView:
        items = [new_item(0), replace(new_item(1), same_as=0), new_item(2)]
        await api.store.creation.add(BATCH, items)
        await api.store.creation.create(BATCH, a_batch(3), [], ["t"] * 3, {0: [1]})
        await api.store.feed.put_to_work(BATCH, [0, 1, 2])
        failed = [ItemOutcome(equal, "f", "tcp.refused", []) for equal in ([0, 1], [2])]
        await api.store.settler.settle(BATCH, failed)
        return await look(api, BATCH)

    (cause,) = with_api(served, looked).causes

    assert [(one.index, one.job_id) for one in cause.examples] == [
        (0, job_id_of(BATCH, 0)),
        (1, job_id_of(BATCH, 0)),
        (2, job_id_of(BATCH, 2)),
    ]


def test_the_results_of_a_batch_are_shown_with_one_that_cannot_be_read(served: str) -> None:
    """A newer worker wrote it; the other 49,999 are what the caller asked for."""

    async def looked(api: Api) -> list[tuple[str, str | None]]:
        await keep(api.store, a_batch(2))
        await api.store.feed.put_to_work(BATCH, [0, 1])
        for entry_id in ("0-1", "1-0", f"1-{CLOSING}"):
            await api.redis.xadd(
                DEFAULT_KEYS.job(job_id_of(BATCH, 0)), {"newer": "{}"}, id=entry_id
            )
        await api.store.settler.settle(BATCH, [ItemOutcome([0], "l", "", [])])
        state = await api.batches.reader.own(BATCH, "alice")
        shown = await api.batches.reader.results(BATCH, state, [0, 1])
        return [(one.status, one.outcome) for one in shown]

    assert with_api(served, looked) == [("lost", None), ("running", None)]
