"""What the API does with the jobs of a site, without an API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.diagnosis.report import Job
from shared.queue.queued_job import INTERACTIVE, QueuedJob, QueueName
from shared.request import JobRequest
from shared.request.message import JobMessage, first_entry
from shared.sealing import Sealer, new_key_pair
from shared.signing import Signer, new_signing_pair
from shared.store.connection import AsyncStore
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.limits.target_limit import TurnLimits
from tests.running.confined_redis import ConfinedRedis
from tests.running.service import a_request, poll

TTL_S, MOST_QUEUED = 600, 1000


@dataclass
class Core:
    """The API's side of one site, with the keys of both."""

    redis: ConfinedRedis
    site: str
    sealing: tuple[str, str] = field(default_factory=new_key_pair)
    signing: tuple[str, str] = field(default_factory=new_signing_pair)
    _count: int = 0

    @property
    def settings(self) -> dict[str, str]:
        """What the site's workers are told."""
        return {
            "CONNCHECK_SITE": self.site,
            "CONNCHECK_REDIS_URL": self.redis.user_of(self.site),
            "CONNCHECK_SEALING_PRIVATE_KEYS": self.sealing[0],
            "CONNCHECK_SIGNING_PUBLIC_KEYS": self.signing[1],
            "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "CONNCHECK_DRAIN_S": "5",
        }

    def create(self, endpoint: str, queue: QueueName = INTERACTIVE, **changes: object) -> str:
        """Create a job that the site is to run; return its id."""
        self._count += 1
        job_id, now = f"{self.site}-job-{self._count}", datetime.now(UTC)
        request = JobRequest.model_validate(a_request(endpoint, **changes))
        start_by = now + timedelta(seconds=60)
        message = JobMessage(
            request=request, budget_s=20, start_by=start_by, is_metered=True, targets_per_minute=50
        )
        entry = first_entry(request, now, tenant="t", share_of="t")
        queued = entry.model_copy(update={"site": self.site, "queue": queue})
        sealed = Sealer(self.sealing[1], self.site).seal(message.to_bytes(), job_id)
        push = QueuedJob(job_id, queued.target, queue, "t", self.site).redis_push
        new = NewJob(job_id, queued, sealed, start_by, [push]).signed(Signer([self.signing[0]]))
        self.redis.run(lambda redis: _store(redis).creation.create(new, MOST_QUEUED))
        return job_id

    def closed(self, *job_ids: str) -> Sequence[Job]:
        """Return the jobs when all are closed."""
        found: list[Job] = []

        def are_closed() -> bool:
            jobs = self.redis.run(lambda redis: _store(redis).reader.read_all(job_ids))
            found[:] = [job for job in jobs if job and job.is_closed]
            return len(found) == len(job_ids)

        poll(are_closed)
        return found

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self.redis.run(lambda redis: _store(redis).closer.cancel(job_id))


def _store(redis: AsyncStore) -> JobStore:
    return JobStore.of(RedisGate(redis), TTL_S, TurnLimits(2, 0.5))
