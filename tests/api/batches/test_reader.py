import pytest

from api.batches.errors import NoSuchBatchError
from shared.store.batches.batch import BatchGoneError
from shared.store.batches.batch_keys import items_key
from tests.api.batches.batching import ALICE, Api, with_api
from tests.api.batches.test_intake import content, rows
from tests.shared.store.batches.batches import BATCH


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
