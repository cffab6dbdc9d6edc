"""Limit the concurrent tests of a platform and of a tenant; the others wait without a worker."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, cast

from redis.asyncio import Redis as AsyncRedis

from shared.queue.queued_job import QueuedJob, QueueName
from shared.site_name import DEFAULT_SITE
from shared.store.bounded_reads import read_members
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.limits.turn_scripts import HOLDS_BACK, RELEASE, STAND_FIRST
from shared.store.round_trips import Fill, RoundTrips
from shared.store.site_keys import SiteKeys

MOST_OF_A_WORKER = 1000
"""Jobs, turns and calls of a worker that the API looks at together; it has a few a slot."""

HeldBackBy = Literal["share", "target", ""]
"""What a job that stands in line waits for; nothing if it could run, or stands in no line."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How many turns there are."""

    per_target: int
    tenant_share: float = 1.0
    """How much of the slots of a queue one tenant may take."""
    own_queue: str = ""
    """The queue of the worker that asks, which may not have given a sign of life yet."""
    own_slots: int = 0


class Turn(NamedTuple):
    """A turn of a job at its target and in its tenant's share, which its worker has."""

    job_id: str
    target: str
    queue: str = ""
    """The queue of whose slots it has one of a tenant's share; empty without a share."""
    share_of: str = ""

    @classmethod
    def of(cls, job: QueuedJob) -> Self:
        """Return the turn that the job takes."""
        share = (job.queue, job.share_of) if job.share_of else ()
        return cls(job.job_id, job.target, *share)


class TargetLimit:
    """The side of one worker: its turns, and the calls that it is to make."""

    def __init__(
        self,
        round_trips: RoundTrips,
        limits: TurnLimits,
        worker: str,
        keys: SiteKeys,
    ) -> None:
        self._round_trips = round_trips
        self._limits = limits
        self._worker = worker
        self._keys = keys

    @property
    def keys(self) -> Sequence[str]:
        """The first keys of each script that takes or ends a turn."""
        return self._keys.turns_of(self._worker), self._keys.calls_of(self._worker)

    def about(self, one: QueuedJob | Turn) -> Sequence[str | float]:
        """Return the first arguments of each script that takes or ends this turn."""
        turn = Turn.of(one) if isinstance(one, QueuedJob) else one
        return *_about(one, self._limits, self._keys), _text_of(turn)

    def release(self, turn: Turn) -> Sequence[QueuedJob]:
        """Release the turn; return the next jobs in line, which are to be queued again.

        They are this worker's `calls` until `forget_calls`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        calls = self._execute(lambda pipe: self.queue_release(pipe, turn))
        return calls_in(calls, self._keys.site)

    def queue_release(self, pipe: Any, turn: Turn) -> None:
        """Queue one command, which releases the turn; `calls_in` reads its result."""
        RELEASE.queue(pipe, self._keys, self.keys, self.about(turn))

    def turns(self) -> Sequence[Turn]:
        """Return the turns that Redis has given to this worker and has not got back.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        members = self._execute(lambda pipe: pipe.smembers(self._keys.turns_of(self._worker)))
        return [_turn_of(member) for member in members]

    def calls(self) -> Sequence[QueuedJob]:
        """Return the jobs that this worker is to queue again, or has just queued.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        key = self._keys.calls_of(self._worker)
        return calls_in(self._execute(lambda pipe: pipe.smembers(key)), self._keys.site)

    def forget_calls(self, jobs: Sequence[QueuedJob]) -> None:
        """Forget calls: the jobs are queued again.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        calls = map(_text_of_call, jobs)
        self._execute(lambda pipe: pipe.srem(self._keys.calls_of(self._worker), *calls))

    def _execute(self, fill: Fill) -> Any:
        (answer,) = self._round_trips.execute(fill)
        if isinstance(answer, Exception):
            raise StoreUnreachableError from answer
        return answer


def calls_in(answer: Iterable[bytes], site: str = DEFAULT_SITE) -> Sequence[QueuedJob]:
    """Return the jobs that a script or a set of calls of a site names."""
    return [_call_of(call, site) for call in answer]


async def turns_of(redis: AsyncRedis, keys: SiteKeys, worker: str) -> Sequence[Turn]:
    """Return the turns that a worker has, or had when it died, MOST_OF_A_WORKER at most."""
    found = await read_members(redis, "SRANDMEMBER", keys.turns_of(worker), MOST_OF_A_WORKER)
    return [_turn_of(member) for member in found]


async def release(
    redis: AsyncRedis, keys: SiteKeys, limits: TurnLimits, worker: str, turn: Turn
) -> None:
    """Release the turn of a worker that died; the next jobs in line are its calls then."""
    script: Any = redis.register_script(RELEASE.text)
    own = [keys.turns_of(worker), keys.calls_of(worker)]
    await script(keys=own, args=[*_about(turn, limits, keys), _text_of(turn)])


async def stand_first(
    redis: AsyncRedis, keys: SiteKeys, limits: TurnLimits, job: QueuedJob
) -> None:
    """Put first in its line a job whose worker died: it had its turn already."""
    script: Any = redis.register_script(STAND_FIRST)
    await script(args=_about(job, limits, keys))


async def calls_of(redis: AsyncRedis, keys: SiteKeys, worker: str) -> Sequence[QueuedJob]:
    """Return the jobs that are to be queued again in place of a worker that died.

    They are MOST_OF_A_WORKER at most.
    """
    found = await read_members(redis, "SRANDMEMBER", keys.calls_of(worker), MOST_OF_A_WORKER)
    return calls_in(found, keys.site)


async def forget_call(redis: AsyncRedis, keys: SiteKeys, worker: str, job: QueuedJob) -> None:
    """Forget a call of a worker that died: the job is queued again."""
    await cast("Any", redis.srem(keys.calls_of(worker), _text_of_call(job)))


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of waiting jobs, for the API."""

    _gate: RedisGate
    _limits: TurnLimits
    _keys: SiteKeys

    async def held_back_by(self, job: QueuedJob) -> HeldBackBy:
        """Return what the job waits for.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            script: Any = redis.register_script(HOLDS_BACK)
            answer = await script(args=_about(job, self._limits, self._keys))
        return cast("HeldBackBy", answer.decode())


def _about(one: QueuedJob | Turn, limits: TurnLimits, keys: SiteKeys) -> Sequence[str | float]:
    """Return the arguments that all scripts have."""
    sizes = (limits.per_target, limits.tenant_share, limits.own_queue, limits.own_slots)
    return one.job_id, one.queue, one.share_of, one.target, *sizes, keys.prefix


def _text_of(turn: Turn) -> str:
    return " ".join(turn if turn.share_of else turn[:2])


def _turn_of(text: bytes) -> Turn:
    job_id, target, queue, share_of, *_ = [*_words(text), "", "", ""]
    return Turn(job_id, target, queue, share_of)


def _words(text: bytes) -> Sequence[str]:
    return text.decode("utf-8", "replace").split(" ")


def _text_of_call(job: QueuedJob) -> str:
    call = f"{job.queue}:{job.job_id} {job.target}"
    return f"{call} {job.share_of}" if job.share_of else call


def _call_of(text: bytes, site: str) -> QueuedJob:
    waiting, target, share_of, *_ = [*_words(text), "", ""]
    queue, _, job_id = waiting.partition(":")
    return QueuedJob(job_id, target, cast("QueueName", queue), share_of, site)
