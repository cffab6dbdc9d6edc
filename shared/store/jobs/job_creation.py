"""Create jobs: one for a caller, or many for a batch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from shared.diagnosis.entries import Queued
from shared.signing import Signer, job_statement
from shared.store.commands import commands
from shared.store.copies import Copies
from shared.store.gate import RedisGate
from shared.store.idempotency import KEPT_S, Claim
from shared.store.jobs.job_stream import (
    FULL,
    QUEUED_ID,
    RUN_COMMANDS,
    SIGNATURE,
    UNSERVED,
    WRITTEN,
    Appender,
    Command,
    CreationLimits,
)
from shared.store.jobs.site_index import SiteIndex
from shared.store.limits.kept_results import KeptResults, TooManyKeptError
from shared.store.site_keys import SiteKeys
from shared.store.tenant_list import TenantList

TOGETHER = 100
"""Jobs that one script creates: meanwhile Redis answers nobody."""

# KEYS: streams. ARGV: the id of a first entry, seconds to live, then for each stream its first
# entry, the signature ('' for none), and the commands to follow as JSON. Nobody watches a job that
# is not there.
_CREATE_ALL = (
    RUN_COMMANDS
    + f"""
for i, stream in ipairs(KEYS) do
  if redis.call('EXISTS', stream) == 0 then
    local entry, signature, commands = unpack(ARGV, 3 * i, 3 * i + 2)
    if signature == '' then
      redis.call('XADD', stream, ARGV[1], 'entry', entry)
    else
      redis.call('XADD', stream, ARGV[1], 'entry', entry, '{SIGNATURE}', signature)
    end
    redis.call('EXPIRE', stream, ARGV[2])
    follow(commands)
  end
end
"""
)


class NoWorkerError(Exception):
    """Raised where no worker is alive to take a job."""


class QueueFullError(Exception):
    """Raised where more jobs wait already than may wait."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be created: its first entry and its sealed request, with how long each lives.

    `start_by` is a moment of Redis' clock. `message` are the commands that queue the job where its
    queue is in the same Redis.
    """

    job_id: str
    queued: Queued
    sealed: str
    start_by: datetime
    message: Sequence[Command] = ()
    signature: str = ""
    """The API's signature of `statement`, empty where it signs none."""

    @property
    def statement(self) -> bytes:
        """What is signed of the job: everything that decides what is run, and where."""
        entry = self.queued.model_dump_json()
        return job_statement(self.queued.site, self.job_id, entry, self.sealed)

    def signed(self, signer: Signer | None) -> "NewJob":
        """Return the job with its signature; as it is where there is no signer."""
        return replace(self, signature=signer.sign(self.statement)) if signer else self


@dataclass(frozen=True, slots=True)
class JobCreation:
    """Writes the first entries of jobs."""

    _gate: RedisGate
    _copies: Copies
    _append: Appender
    _kept: KeptResults
    _list: TenantList
    _index: SiteIndex

    async def create(
        self, job: NewJob, most_queued: int, claim: Claim | None = None, instead_of: str = ""
    ) -> str:
        """Write the first entry of a new job, and its message; it waits for a worker from now on.

        Return its id, or that of the job which the claim has made already, and then nothing was
        written. `instead_of` is a job of the claim that counts for nothing.

        Raises:
            KeyReusedError: the claim belongs to another request; nothing was written.
            NoWorkerError: no worker of its queue is alive; nothing was written.
            QueueFullError: `most_queued` jobs wait already; nothing was written.
            TooManyKeptError: the tenant has too many results already; nothing was written.
            StoreUnreachableError: nothing was written, or the outcome is unknown; `disown` the job
                then.
        """
        keys = SiteKeys.of(job.queued.site)
        listed = self._list.adding(job.queued.tenant, job.job_id, job.queued.at)
        lasting = ("EXPIRE", keys.queued, str(self._append.ttl_s))
        follow: Sequence[Command] = [*self._new(job), lasting, *listed, *job.message]
        limits = CreationLimits(most_queued, self._kept)
        if claim:
            kept = ("SET", claim.redis_key, claim.naming(job.job_id), "EX", str(KEPT_S))
            follow = [*follow, kept]
            replaced = claim.naming(instead_of)
            limits = CreationLimits(most_queued, self._kept, claim.redis_key, replaced)
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            self._append.at(keys).queue_first(
                pipe, job.job_id, job.queued, follow, limits, job.signature
            )
            (result,) = await pipe.execute()
        if result == UNSERVED:
            raise NoWorkerError
        if result == FULL:
            raise QueueFullError
        self._kept.refuse(result)
        made = claim.result_in(result) if claim and isinstance(result, bytes) else job.job_id
        if (
            result != WRITTEN or self._copies.are_always_asked_for
        ):  # what was there before may be held back as well
            await self._copies.wait_for(claim.redis_key if claim else keys.job(made))
        return made

    async def why_no_room(self, tenant: str) -> TooManyKeptError:
        """Return what `create` raises for a tenant with too many results, as it is now.

        Raises:
            StoreUnreachableError: nothing is known.
        """
        async with self._gate.turn() as redis:
            asked: Any = redis.hkeys(self._kept.key(tenant))
            return self._kept.refusal(await asked, datetime.now(UTC))

    async def create_all(self, jobs: Sequence[NewJob]) -> None:
        """Write the first entries of new jobs; those that are there already stay as they are.

        They wait for `queue_all`.

        Raises:
            StoreUnreachableError: some were written, or none, or all.
        """
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for begin in range(0, len(jobs), TOGETHER):
                some = jobs[begin : begin + TOGETHER]
                told = chain.from_iterable(map(self._told, some))
                keys = [SiteKeys.of(job.queued.site).job(job.job_id) for job in some]
                pipe.eval(_CREATE_ALL, len(keys), *keys, QUEUED_ID, self._append.ttl_s, *told)
            for site in {job.queued.site for job in jobs}:
                pipe.expire(SiteKeys.of(site).queued, self._append.ttl_s)
            await pipe.execute()

    async def queue_all(self, jobs: Sequence[NewJob]) -> None:
        """Push the messages of jobs that were created, where their queue is in the same Redis.

        Raises:
            StoreUnreachableError: some were pushed, or none, or all.
        """
        async with commands(self._gate) as pipe:
            for command in chain.from_iterable(job.message for job in jobs):
                pipe.execute_command(*command)
            await pipe.execute()

    def _told(self, job: NewJob) -> tuple[str, str, str]:
        return job.queued.model_dump_json(), job.signature, json.dumps(self._new(job))

    def _new(self, job: NewJob) -> Sequence[Command]:
        """Return what follows from the first entry of a job."""
        start_by_s, keys = job.start_by.timestamp(), SiteKeys.of(job.queued.site)
        follow: list[Command] = [("ZADD", keys.queued, str(start_by_s), job.job_id)]
        follow += self._index.adding(job.job_id, job.queued, job.start_by)
        if job.sealed:
            until = ("EXAT", str(int(start_by_s) + 1))
            follow.append(("SET", keys.sealed(job.job_id), job.sealed, *until))
        return follow
