"""Tell how much there is to do, and which workers are there to do it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from shared.queue.queued_job import QueueName
from shared.store.bounded_reads import read_members
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import entry_of, rows_of
from shared.store.jobs.presence import Presence, presence_of
from shared.store.site_keys import SiteKeys
from shared.store.store_clock import StoreClock

MOST_OVERDUE = 1000
MOST_LOOKED_AT = 1000
MOST_WORKERS = 1000  # whose figures are read
MOST_FIGURES = 1_048_576  # bytes of one worker's metrics
MOST_FIGURES_OF_A_SITE = 8 * MOST_FIGURES
_LATEST_S = 2**40  # epoch, far away, and one that can be calculated with

# ARGV: the prefix and the ending of the key of a worker's metrics, how many bytes are read of one
# and of all, then the names of workers. Returns each name with its text, which is one byte longer
# than the bound where it was cut. A key of another type counts as one that is not there.
_FIGURES = """
local told, left = {}, tonumber(ARGV[4])
for i = 5, #ARGV do
  local text = redis.pcall('GETRANGE', ARGV[1] .. ARGV[i] .. ARGV[2], 0, ARGV[3])
  if type(text) == 'string' and text ~= '' then
    left = left - #text
    if left < 0 then
      break
    end
    told[#told + 1] = ARGV[i]
    told[#told + 1] = text
  end
end
return told
"""


@dataclass(frozen=True, slots=True)
class Load:
    """How many jobs there are that are not over, and how long the oldest of them has waited."""

    waiting: int
    running: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Workload:
    """All jobs of a site that are not over, and the workers that are alive."""

    _gate: RedisGate
    _clock: StoreClock
    _keys: SiteKeys

    async def is_served(self, queue: QueueName) -> bool:
        """Return whether a worker of `queue` is alive.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return bool(await redis.exists(self._keys.sign_of_queue(queue)))

    async def presence(self) -> Presence:
        """Return which workers of the site are alive, and what they tell of themselves.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        return await presence_of(self._gate, self._keys)

    async def waiting(self) -> Sequence[str]:
        """Return jobs that no worker has begun, the most urgent MOST_LOOKED_AT of them."""
        async with self._gate.turn() as redis:
            return _texts(
                await read_members(redis, "ZRANGE", self._keys.queued, 0, MOST_LOOKED_AT - 1)
            )

    async def overdue(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return the jobs that no worker has begun in time, and those that should long be over.

        They are MOST_OVERDUE of each at most.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        now_s = (await self._clock.ask()).timestamp()
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for key in (self._keys.queued, self._keys.running):
                read_members(pipe, "ZRANGEBYSCORE", key, "-inf", now_s, "LIMIT", 0, MOST_OVERDUE)
            queued, running = cast("list[list[bytes]]", await pipe.execute())
        return _texts(queued), _texts(running)

    async def strike(self, job_ids: Sequence[str]) -> None:
        """Take jobs that are not the site's from its lists, where they would be in the way.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for key in (self._keys.queued, self._keys.running):
                pipe.zrem(key, *job_ids)
            await pipe.execute()

    async def oldest_start_by(self) -> datetime | None:
        """Return when the first of the waiting jobs would be too old, None if none waits."""
        async with self._gate.turn() as redis:
            first = await read_members(redis, "ZRANGE", self._keys.queued, 0, 0)
            scores = [await redis.zscore(self._keys.queued, one) for one in first]
        # A site may write others.
        within = [score for score in scores if score is not None and 0 <= score <= _LATEST_S]
        return datetime.fromtimestamp(within[0], UTC) if within else None

    async def load(self) -> Load:
        """Return how much there is to do.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        now = await self._clock.now()
        async with self._gate.turn() as redis:
            async with redis.pipeline(transaction=False) as pipe:
                pipe.zcard(self._keys.queued)
                pipe.zcard(self._keys.running)
                read_members(pipe, "ZRANGE", self._keys.queued, 0, 0)
                waiting, running, first = await pipe.execute()
            stream = self._keys.job(_texts(first)[0]) if first else ""
            rows = await rows_of(redis, stream, 1) if stream else []
        oldest = entry_of(rows[0]).at if rows else now
        return Load(waiting, running, max(0.0, (now - oldest).total_seconds()))

    async def figures(self) -> Mapping[str, bytes]:
        """Return by worker what it has counted, of those that have told it lately.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            names = await read_members(redis, "SRANDMEMBER", self._keys.workers, MOST_WORKERS)
            before, _, after = self._keys.figures("\0").partition("\0")
            bounds = (MOST_FIGURES, MOST_FIGURES_OF_A_SITE)
            asked: Any = redis.eval(_FIGURES, 0, before, after, *bounds, *sorted(names))
            found: list[bytes] = await asked
        return dict(zip(_texts(found[::2]), found[1::2], strict=True))


def _texts(found: Iterable[bytes]) -> Sequence[str]:
    """Return names and ids as text, whoever wrote them: one that is none must stop nobody."""
    return [one.decode("utf-8", "replace") for one in found]
