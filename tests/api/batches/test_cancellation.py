from datetime import UTC, datetime, timedelta

from redis import Redis

from shared.store.batches.batch_keys import job_id_of
from shared.store.jobs.job_creation import NewJob
from tests.api.batches.batching import Api, with_api
from tests.shared.conftest import forced, worker_of
from tests.shared.diagnosis.stories import queued
from tests.shared.store.batches.batches import BATCH, a_batch, keep


def test_of_a_batch_that_is_disowned_no_test_goes_on(real_redis: Redis, served: str) -> None:
    """Its caller sends it again: one that has begun would sign in, and the next one, too."""
    job_id = job_id_of(BATCH, 0)

    async def disowned(api: Api) -> None:
        await keep(api.store, a_batch(2))
        await api.store.feed.put_to_work(BATCH, [0])
        start_by = datetime.now(UTC) + timedelta(seconds=30)
        await api.jobs.store.creation.create_all([NewJob(job_id, queued(), "sealed", start_by)])
        worker_of(real_redis, "w1").begin(forced(job_id))

        await api.batches.cancellation.disown(BATCH)

        job = await api.jobs.store.reader.read(job_id)
        assert job
        assert job.status == "cancelled"

    with_api(served, disowned)
