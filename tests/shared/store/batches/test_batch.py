import json

from shared.store.batches.batch import Batch, BatchState
from tests.shared.store.batches.batches import a_batch


def test_what_was_handed_out_and_not_settled_is_at_work() -> None:
    """A cancellation has to close its jobs; those of the others are over, or were never made."""
    state = BatchState(a_batch(8), "qwpofwcw", None, None)

    assert state.at_work == [1, 5, 7]


def test_the_tenant_is_stored_under_the_name_that_redis_knows() -> None:
    """Processes of the release before read it while they are replaced, and wrote what is there."""
    batch = a_batch(1, tenant="alice")

    stored = batch.model_dump_json()

    assert json.loads(stored)["caller"] == "alice"
    assert Batch.model_validate_json(stored) == batch
