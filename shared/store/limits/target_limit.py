"""Limit the concurrent tests of one address; the others wait in line without a worker."""

import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from redis.asyncio import Redis as AsyncRedis

from shared.queued_job import QueuedJob, QueueName
from shared.store.errors import StoreUnreachableError, named_if_unreachable
from shared.store.jobs.job_stream import WORKERS
from shared.store.round_trips import Fill, RoundTrips

Admission = Literal["taken", "held", "waiting"]
"""The job's turn is this worker's; it is another worker's that has the same job; or it waits."""

FORGOTTEN_AFTER_S = 660  # longer than any test; for a turn of which no worker knows

# KEYS: who has a turn, who waits, the worker's turns, all workers. ARGV: the job, the limit, now,
# until when the turn counts, the job as it stands in line, the turn as the worker has it, and the
# worker. The worker is known with its first turn, so that its death is noticed. If the answer is
# lost and the command is sent again, the turn is the worker's already.
_ADMIT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return redis.call('SISMEMBER', KEYS[3], ARGV[6]) == 1 and 'taken' or 'held'
end
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
  redis.call('EXPIRE', KEYS[1], 3600)
  redis.call('LREM', KEYS[2], 1, ARGV[5])
  redis.call('SADD', KEYS[3], ARGV[6])
  redis.call('EXPIRE', KEYS[3], 86400)
  redis.call('SADD', KEYS[4], ARGV[7])
  return 'taken'
end
if not redis.call('LPOS', KEYS[2], ARGV[5]) then
  redis.call('RPUSH', KEYS[2], ARGV[5])
  redis.call('EXPIRE', KEYS[2], 3600)
end
return 'waiting'
"""
# KEYS: who has a turn, who waits, the worker's turns, its calls. ARGV: the job, the turn as the
# worker has it, and the target. A turn that the worker has no more may be another worker's. Whoever
# is called stays in line until it has a turn: the call may be lost.
_RELEASE = """
if redis.call('SREM', KEYS[3], ARGV[2]) == 0 then
  return nil
end
redis.call('ZREM', KEYS[1], ARGV[1])
local waiting = redis.call('LMOVE', KEYS[2], KEYS[2], 'LEFT', 'RIGHT')
if waiting then
  redis.call('SADD', KEYS[4], waiting .. ' ' .. ARGV[3])
  redis.call('EXPIRE', KEYS[4], 86400)
end
return waiting
"""


class Turn(NamedTuple):
    """A turn of a job at a target, which its worker has."""

    job_id: str
    target: str


def turns_key(worker: str) -> str:
    """Return the key of the set of turns that this worker has not released."""
    return f"conncheck:worker:{worker}:turns"


def calls_key(worker: str) -> str:
    """Return the key of the set of jobs that this worker is to queue again, or has just queued."""
    return f"conncheck:worker:{worker}:calls"


def _keys(target: str, worker: str) -> list[str]:
    at_target = f"conncheck:target:{target}"
    return [f"{at_target}:testing", f"{at_target}:waiting", turns_key(worker)]


class TargetLimit:
    """The side of one worker: take a turn, and release it."""

    def __init__(self, round_trips: RoundTrips, limit: int, worker: str) -> None:
        self._round_trips = round_trips
        self._limit = limit
        self._worker = worker

    def admit(self, job: QueuedJob) -> Admission:
        """Take a turn for the job, or add the job to the line.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        now_s, turn = time.time(), Turn(job.job_id, job.target)
        until_s = now_s + FORGOTTEN_AFTER_S
        keys = [*_keys(job.target, self._worker), WORKERS]
        about_job = (job.job_id, self._limit, now_s, until_s, _in_line(job), _text_of(turn))
        answer = self._eval(_ADMIT, keys, *about_job, self._worker)
        return cast("Admission", answer.decode())

    def release(self, turn: Turn) -> QueuedJob | None:
        """Release the turn; return the next job in line, which is to be queued again.

        It is one of this worker's `calls` until `forget_call`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        keys = [*_keys(turn.target, self._worker), calls_key(self._worker)]
        waiting = self._eval(_RELEASE, keys, turn.job_id, _text_of(turn), turn.target)
        return _called(waiting, turn.target) if waiting else None

    def turns(self) -> Sequence[Turn]:
        """Return the turns that Redis has given to this worker and has not got back.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        members = self._execute(lambda pipe: pipe.smembers(turns_key(self._worker)))
        return [_turn_of(member) for member in members]

    def calls(self) -> Sequence[QueuedJob]:
        """Return the jobs that this worker is to queue again, or has just queued.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        members = self._execute(lambda pipe: pipe.smembers(calls_key(self._worker)))
        return [_call_of(member) for member in members]

    def forget_call(self, job: QueuedJob) -> None:
        """Forget a call: the job is queued again.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        self._execute(lambda pipe: pipe.srem(calls_key(self._worker), _text_of_call(job)))

    def _eval(self, script: str, keys: Sequence[str], *arguments: str | float) -> Any:
        return self._execute(lambda pipe: pipe.eval(script, len(keys), *keys, *arguments))

    def _execute(self, fill: Fill) -> Any:
        (answer,) = self._round_trips.execute(fill)
        if isinstance(answer, Exception):
            raise StoreUnreachableError from answer
        return answer


async def turns_of(redis: AsyncRedis, worker: str) -> Sequence[Turn]:
    """Return the turns that a worker has, or had when it died.

    Raises:
        StoreUnreachableError: the store can't be reached.
    """
    with named_if_unreachable():
        members = await cast("Any", redis.smembers(turns_key(worker)))
    return [_turn_of(member) for member in members]


async def release(redis: AsyncRedis, worker: str, turn: Turn) -> None:
    """Release the turn of a worker that died; the next job in line is one of its calls then.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    script: Any = redis.register_script(_RELEASE)
    keys = [*_keys(turn.target, worker), calls_key(worker)]
    with named_if_unreachable():
        await script(keys=keys, args=[turn.job_id, _text_of(turn), turn.target])


async def calls_of(redis: AsyncRedis, worker: str) -> Sequence[QueuedJob]:
    """Return the jobs that are to be queued again in place of a worker that died.

    Raises:
        StoreUnreachableError: the store can't be reached.
    """
    with named_if_unreachable():
        members = await cast("Any", redis.smembers(calls_key(worker)))
    return [_call_of(member) for member in members]


async def forget_call(redis: AsyncRedis, worker: str, job: QueuedJob) -> None:
    """Forget a call of a worker that died: the job is queued again.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    with named_if_unreachable():
        await cast("Any", redis.srem(calls_key(worker), _text_of_call(job)))


def _text_of(turn: Turn) -> str:
    return f"{turn.job_id} {turn.target}"


def _turn_of(text: bytes) -> Turn:
    job_id, _, target = text.decode("utf-8", "replace").partition(" ")
    return Turn(job_id, target)


def _in_line(job: QueuedJob) -> str:
    """Return the job as it stands in line; who reads it there knows the target."""
    return f"{job.queue}:{job.job_id}"


def _text_of_call(job: QueuedJob) -> str:
    return f"{_in_line(job)} {job.target}"


def _call_of(text: bytes) -> QueuedJob:
    waiting, _, target = text.partition(b" ")
    return _called(waiting, target.decode("utf-8", "replace"))


def _called(waiting: bytes, target: str) -> QueuedJob:
    """Return the job that stands in line at `target` as `waiting`."""
    queue, _, job_id = waiting.decode("utf-8", "replace").partition(":")
    return QueuedJob(job_id, target, cast("QueueName", queue))
