"""Create batches: of an upload, or of what another batch is to repeat."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from redis import WatchError
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.typing import EncodableT

from shared.store.append_only_file import AppendOnlyFile
from shared.store.batches.batch import ITEM, REASONS, REJECTED, Batch, NewItem, RejectedRow
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    ca_certificates_key,
    items_key,
    letters_key,
    same_as_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.store.batches.letters import WAITING
from shared.store.commands import commands
from shared.store.errors import named_if_unreachable
from shared.store.idempotency import KEPT_S, Claim
from shared.store.limits.kept_results import KeptResults
from shared.store.tenant_list import TenantList

UNFINISHED_UPLOAD_S = 900

_OF_AN_UPLOAD = (items_key, sealed_key, ca_certificates_key, same_as_key)

_Fields = dict[EncodableT, EncodableT]


@dataclass(frozen=True, slots=True)
class BatchCreation:
    """Writes batches: their items first, a part at a time, then the batch itself."""

    _redis: Redis
    _file: AppendOnlyFile
    _result_ttl_s: int
    _kept: KeptResults
    _list: TenantList

    async def add(
        self,
        batch_id: str,
        items: Sequence[NewItem],
        ca_certificates: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Keep items of a batch that is still being sent; they go again unless it is created.

        `ca_certificates` are those that the items name and that are not kept yet: sealed, by their
        digests.
        """
        async with commands(self._redis) as pipe:
            headers: _Fields = {new.index: ITEM.dump_json(new.item) for new in items}
            pipe.hset(items_key(batch_id), mapping=headers)
            sealed: _Fields = {new.index: new.sealed for new in items if new.sealed}
            if sealed:
                pipe.hset(sealed_key(batch_id), mapping=sealed)
            if ca_certificates:
                named: _Fields = dict(ca_certificates.items())
                pipe.hset(ca_certificates_key(batch_id), mapping=named)
            followers: _Fields = {n.index: n.same_as for n in items if n.same_as is not None}
            if followers:
                pipe.hset(same_as_key(batch_id), mapping=followers)
            for key in _OF_AN_UPLOAD:
                pipe.expire(key(batch_id), UNFINISHED_UPLOAD_S)
            await pipe.execute()

    async def add_ca_certificates_of(self, repeated_id: str, batch_id: str) -> None:
        """Keep the CA certificates of a batch for another one that repeats items of it."""
        async with commands(self._redis) as pipe:
            pipe.copy(ca_certificates_key(repeated_id), ca_certificates_key(batch_id))
            await pipe.execute()

    async def create(
        self,
        batch_id: str,
        batch: Batch,
        rejected: Sequence[RejectedRow],
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
        *,
        claim: Claim | None = None,
    ) -> str:
        """Have the tests of the items begin: all or, where anything dies meanwhile, none.

        Return its id, or that of the batch which the claim has made already, and then nothing was
        written.

        Raises:
            KeyReusedError: the claim belongs to another request; nothing was written.
            TooManyKeptError: the tenant has too many results already; nothing was written.
            StoreUnreachableError: nothing was written, or the outcome is unknown.
        """
        with named_if_unreachable():
            while True:
                async with self._redis.pipeline() as pipe:
                    await pipe.watch(claim.redis_key if claim else batch_key(batch_id))
                    if claim and (made := cast("bytes | None", await pipe.get(claim.redis_key))):
                        batch_id = claim.result_in(made)
                        break
                    await self._count(pipe, batch, batch.total)
                    pipe.multi()  # type: ignore[no-untyped-call] # bare in redis-py
                    if claim:
                        pipe.set(claim.redis_key, claim.naming(batch_id), ex=KEPT_S)
                    self._queue_creation(pipe, batch_id, batch, rejected, targets, twins)
                    with suppress(WatchError):  # the same request came twice, or it is not known
                        await pipe.execute()
                        break
                    await self._count(self._redis, batch, -batch.total)
        await self._file.wait_for(claim.redis_key if claim else batch_key(batch_id))
        return batch_id

    async def _count(self, redis: Redis, batch: Batch, items: int) -> None:
        """Count items before they are written: a transaction can't be refused halfway.

        Whoever dies in between leaves a count that is too high, until the items would be deleted.
        """
        waits_s = (batch.start_by - batch.created_at).total_seconds()
        await self._kept.count(redis, batch.tenant, batch.created_at, waits_s, items)

    def _queue_creation(
        self,
        pipe: Pipeline,
        batch_id: str,
        batch: Batch,
        rejected: Sequence[RejectedRow],
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
    ) -> None:
        kept_s = int((batch.start_by - batch.created_at).total_seconds()) + self._result_ttl_s
        known: _Fields = {
            "batch": batch.model_dump_json(),
            "rejected": REJECTED.dump_json([row[:3] for row in rejected]),
            "reasons": REASONS.dump_json([row.said for row in rejected]),
        }
        pipe.hset(batch_key(batch_id), mapping=known)
        # After a lost connection it may come a second time, when some of them are at work.
        pipe.set(letters_key(batch_id), WAITING * batch.total, nx=True)
        pipe.set(targets_key(batch_id), "\n".join(targets))
        if twins:
            equal: _Fields = {n: ",".join(map(str, others)) for n, others in twins.items()}
            pipe.hset(twins_key(batch_id), mapping=equal)
        for key in (batch_key, letters_key, items_key, targets_key, twins_key, same_as_key):
            pipe.expire(key(batch_id), kept_s)
        for key in (sealed_key, ca_certificates_key):
            pipe.expireat(key(batch_id), batch.start_by)
        pipe.zadd(UNFINISHED_BATCHES, {batch_id: batch.created_at.timestamp()})
        for command in self._list.adding(batch.tenant, batch_id, batch.created_at):
            pipe.execute_command(*command)

    async def discard(self, batch_id: str) -> None:
        """Forget what was added of a batch that is not created."""
        async with commands(self._redis) as pipe:
            pipe.delete(*(key(batch_id) for key in _OF_AN_UPLOAD))
            await pipe.execute()
