"""Limit the concurrent tests of one address; the others wait in line without a worker."""

import time
from typing import Any, Literal, cast

from redis.asyncio import Redis as AsyncRedis

from shared.queued_job import QueuedJob, QueueName
from shared.store.errors import StoreUnreachableError, named_if_unreachable
from shared.store.round_trips import RoundTrips

Turn = Literal["taken", "held", "waiting"]
"""Taken now; already held by another delivery of the same job; or still waiting for one."""

FORGOTTEN_AFTER_S = 600  # a turn that was never returned expires; longer than any test

# KEYS: who has a turn, who waits. ARGV: job, limit, now, until when the turn counts, and the job
# as it stands in line.
_ADMIT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 'held'
end
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
  redis.call('EXPIRE', KEYS[1], 3600)
  return 'taken'
end
if not redis.call('LPOS', KEYS[2], ARGV[5]) then
  redis.call('RPUSH', KEYS[2], ARGV[5])
  redis.call('EXPIRE', KEYS[2], 3600)
end
return 'waiting'
"""
_RELEASE = """
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('LPOP', KEYS[2])
"""


def _keys(target: str) -> list[str]:
    return [f"conncheck:target:{target}:testing", f"conncheck:target:{target}:waiting"]


class TargetLimit:
    """The workers' side: take a turn, give it back."""

    def __init__(self, round_trips: RoundTrips, limit: int) -> None:
        self._round_trips = round_trips
        self._limit = limit

    def admit(self, job: QueuedJob) -> Turn:
        """Take a turn for the job, or add the job to the line.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        now_s = time.time()
        until_s, waits_as = now_s + FORGOTTEN_AFTER_S, f"{job.queue}:{job.job_id}"
        arguments = (job.job_id, self._limit, now_s, until_s, waits_as)
        (answer,) = self._round_trips.execute(
            lambda pipe: pipe.eval(_ADMIT, 2, *_keys(job.target), *arguments)
        )
        if isinstance(answer, Exception):
            raise StoreUnreachableError from answer
        return cast("Turn", answer.decode())

    def release(self, target: str, job_id: str) -> QueuedJob | None:
        """Release the job's turn; return the next job in line, which is to be queued again.

        Raises:
            StoreUnreachableError: the outcome is unknown; the turn expires by itself.
        """
        (waiting,) = self._round_trips.execute(
            lambda pipe: pipe.eval(_RELEASE, 2, *_keys(target), job_id)
        )
        if isinstance(waiting, Exception):
            raise StoreUnreachableError from waiting
        return _called(target, waiting)


async def release(redis: AsyncRedis, target: str, job_id: str) -> QueuedJob | None:
    """Release the turn of a job whose worker died; return the next job in line.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    script: Any = redis.register_script(_RELEASE)
    with named_if_unreachable():
        waiting = cast("bytes | None", await script(keys=_keys(target), args=[job_id]))
    return _called(target, waiting)


def _called(target: str, waiting: bytes | None) -> QueuedJob | None:
    """Return the job that stood in line as `queue:job`."""
    if waiting is None:
        return None
    queue, _, job_id = waiting.decode().partition(":")
    return QueuedJob(job_id, target, cast("QueueName", queue))
