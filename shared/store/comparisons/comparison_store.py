"""Keep comparisons in Redis, for the API alone.

`conncheck:comparison:ID` is a hash: `record` has what was asked, `left_out:SITE` why a site will
not be asked, `cancelled` is there once it is. `conncheck:comparison:ID:pending` has the jobs that
do not exist yet, by site; it goes when the last of them would be too old. The sorted set
`conncheck:comparisons` has those that are not over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from pydantic import ValidationError

from shared.comparison.record import Comparison, Standing, WhyNot
from shared.store.commands import commands
from shared.store.comparisons.pending_job import PendingJob
from shared.store.copies import Copies
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.idempotency import KEPT_S, Claim
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_reader import JobReader, Place
from shared.store.jobs.site_index import LONGEST_RUN_S

UNFINISHED: Final = "conncheck:comparisons"
MOST_LOOKED_AT: Final = 1000
_RECORD, _CANCELLED, _LEFT_OUT = "record", "cancelled", "left_out:"

# KEYS: unfinished comparisons, comparison, pending jobs, and where there is one the
# Idempotency-Key. ARGV: the id, by when its last test must begin, until when the comparison is
# kept, until when its jobs can begin, what the key is to say and how long, the record, and the
# pending jobs by site. Returns what the key says if it has made another comparison: then nothing
# was written.
_CREATE = """
local made = KEYS[4] and redis.call('GET', KEYS[4])
if made and made ~= ARGV[5] then
  return made
end
if KEYS[4] then
  redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[6])
end
redis.call('HSET', KEYS[2], 'record', ARGV[7])
redis.call('EXPIREAT', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[3], unpack(ARGV, 8))
redis.call('EXPIREAT', KEYS[3], ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
"""

Stamp = tuple[Mapping[bytes, bytes], Sequence[Place]]
"""What must change before there is anything to decide."""


def comparison_key(comparison_id: str) -> str:
    """Return the key of a comparison, which is also the channel of its changes."""
    return f"conncheck:comparison:{comparison_id}"


def pending_key(comparison_id: str) -> str:
    """Return the key of the jobs that do not exist yet, sealed for their sites."""
    return f"{comparison_key(comparison_id)}:pending"


@dataclass(frozen=True, slots=True)
class ComparisonStore:
    """All comparisons."""

    _gate: RedisGate
    _copies: Copies
    _jobs: JobReader
    _result_ttl_s: int

    @classmethod
    def of(cls, gate: RedisGate, jobs: JobReader, result_ttl_s: int) -> "ComparisonStore":
        """Return the comparisons behind `gate`, of jobs that are kept for `result_ttl_s`."""
        return cls(gate, Copies(gate), jobs, result_ttl_s)

    async def create(
        self,
        comparison_id: str,
        comparison: Comparison,
        jobs: Mapping[str, NewJob],
        claim: Claim | None = None,
    ) -> str:
        """Write a comparison with a job for each of its sites, none of which exists yet.

        Return its id, or that of the comparison which the claim has made already, and then nothing
        was written.

        Raises:
            KeyReusedError: the claim belongs to another request; nothing was written.
            StoreUnreachableError: nothing was written, or the outcome is unknown.
        """
        key, start_by_s = comparison_key(comparison_id), int(comparison.start_by.timestamp())
        named = [claim.redis_key] if claim else []
        keys = [UNFINISHED, key, pending_key(comparison_id), *named]
        until_s = start_by_s + LONGEST_RUN_S + self._result_ttl_s
        naming = claim.naming(comparison_id) if claim else ""
        pending = [x for site, job in jobs.items() for x in (site, PendingJob.of(job).to_text())]
        told: Sequence[str | int] = (
            *(comparison_id, start_by_s, until_s, start_by_s + 1, naming, KEPT_S),
            *(comparison.model_dump_json(), *pending),
        )
        async with commands(self._gate) as pipe:
            pipe.eval(_CREATE, len(keys), *keys, *told)
            (made,) = await pipe.execute()
        if claim and made:
            comparison_id = claim.result_in(made)
        await self._copies.wait_for(claim.redis_key if claim else key)
        return comparison_id

    async def standing(self, comparison_id: str) -> Standing | None:
        """Return a comparison and what has become of it; None if there is none (any more).

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        fields = await self._fields(comparison_id)
        comparison = _comparison_in(fields)
        if comparison is None:
            return None
        parts = comparison.parts
        found = await self._jobs.read_all([part.job_id for part in parts])
        jobs = {part.site: job for part, job in zip(parts, found, strict=True) if job}
        return Standing(comparison, jobs, _left_out_in(fields), _CANCELLED.encode() in fields)

    async def stamp(self, comparison_id: str) -> Stamp | None:
        """Return what changes with a comparison, at less cost than `standing`; None without one.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        fields = await self._fields(comparison_id)
        comparison = _comparison_in(fields)
        if comparison is None:
            return None
        return fields, await self._jobs.look([part.job_id for part in comparison.parts])

    async def pending(self, comparison_id: str, site: str) -> NewJob | None:
        """Return the job that is to be created at a site; None if it must not be (any more).

        Raises:
            StoreUnreachableError: the outcome is unknown, or a newer version wrote it.
        """
        async with self._gate.turn() as redis:
            asked: Any = redis.hget(pending_key(comparison_id), site)
            text = cast("bytes | None", await asked)
        try:
            return PendingJob.model_validate_json(text).job if text else None
        except ValidationError as error:
            raise StoreUnreachableError from error

    async def begun(self, comparison_id: str, site: str) -> None:
        """Forget the sealed request of a job that was created.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with commands(self._gate) as pipe:
            pipe.hdel(pending_key(comparison_id), site)
            await pipe.execute()

    async def leave_out(self, comparison_id: str, why: Mapping[str, WhyNot]) -> None:
        """Note that sites will not be asked, unless another reason was noted before.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        key = comparison_key(comparison_id)
        async with commands(self._gate) as pipe:
            for site, reason in why.items():
                pipe.hsetnx(key, f"{_LEFT_OUT}{site}", reason)
                pipe.hdel(pending_key(comparison_id), site)
            pipe.publish(key, "changed")
            await pipe.execute()

    async def cancel(self, comparison_id: str) -> None:
        """Let no job of a comparison be created any more.

        Whoever read one before may create it all the same, and finds out after that.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        key = comparison_key(comparison_id)
        async with commands(self._gate) as pipe:
            pipe.hset(key, _CANCELLED, "1")
            pipe.delete(pending_key(comparison_id))
            pipe.publish(key, "changed")
            await pipe.execute()

    async def finish(self, comparison_id: str, expires_at: datetime) -> None:
        """Keep a comparison that is over until `expires_at`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        key = comparison_key(comparison_id)
        async with commands(self._gate) as pipe:
            pipe.expireat(key, int(expires_at.timestamp()))
            pipe.delete(pending_key(comparison_id))
            pipe.zrem(UNFINISHED, comparison_id)
            pipe.publish(key, "changed")
            await pipe.execute()

    async def discard(self, comparison_id: str, claim: Claim | None) -> None:
        """Forget a comparison none of whose jobs was created.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        named = [claim.redis_key] if claim else []
        async with commands(self._gate) as pipe:
            pipe.delete(comparison_key(comparison_id), pending_key(comparison_id), *named)
            pipe.zrem(UNFINISHED, comparison_id)
            await pipe.execute()

    async def is_kept(self, comparison_id: str) -> bool:
        """Return whether there is a comparison, whichever version wrote it.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return bool(await redis.exists(comparison_key(comparison_id)))

    async def unfinished(self) -> Sequence[str]:
        """Return the comparisons that are not over, the most urgent MOST_LOOKED_AT of them.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            found = await redis.zrange(UNFINISHED, 0, MOST_LOOKED_AT - 1)
        return [one.decode("utf-8", "replace") for one in cast("list[bytes]", found)]

    async def overdue(self, now: datetime) -> Sequence[str]:
        """Return comparisons that should long be over, MOST_LOOKED_AT at most.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        before_s = now.timestamp() - LONGEST_RUN_S
        async with self._gate.turn() as redis:
            found = await redis.zrangebyscore(UNFINISHED, "-inf", before_s, 0, MOST_LOOKED_AT)
        return [one.decode("utf-8", "replace") for one in cast("list[bytes]", found)]

    async def give_up(self, comparison_id: str) -> None:
        """Look after a comparison no more; it stays as it is until it expires.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with commands(self._gate) as pipe:
            pipe.zrem(UNFINISHED, comparison_id)
            await pipe.execute()

    async def _fields(self, comparison_id: str) -> Mapping[bytes, bytes]:
        async with self._gate.turn() as redis:
            asked: Any = redis.hgetall(comparison_key(comparison_id))
            return cast("Mapping[bytes, bytes]", await asked)


def _comparison_in(fields: Mapping[bytes, bytes]) -> Comparison | None:
    """Return what was asked; None where there is nothing, or what another version wrote."""
    record = fields.get(_RECORD.encode())
    try:
        return Comparison.model_validate_json(record) if record else None
    except ValidationError:
        return None


def _left_out_in(fields: Mapping[bytes, bytes]) -> Mapping[str, WhyNot]:
    return {
        name.decode().removeprefix(_LEFT_OUT): cast("WhyNot", reason.decode())
        for name, reason in fields.items()
        if name.startswith(_LEFT_OUT.encode())
    }
