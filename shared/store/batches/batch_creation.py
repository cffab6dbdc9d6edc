"""Create batches: of an upload, or of what another batch is to repeat."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.typing import EncodableT

from shared.store.append_only_file import AppendOnlyFile
from shared.store.batches.batch import (
    ITEM,
    REJECTED,
    Batch,
    NewItem,
    RejectedRow,
    TooManyOpenBatchesError,
)
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    items_key,
    letters_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.store.batches.letters import WAITING
from shared.store.commands import commands
from shared.store.gate import RedisGate
from shared.store.idempotency import KEPT_S, Claim
from shared.store.limits.kept_results import COUNT, KeptResults
from shared.store.tenant_list import TenantList

UNFINISHED_UPLOAD_S = 900

# KEYS: unfinished batches. ARGV: the tenant, how many it may have, and what precedes the id in the
# key of a batch. Counted anew each time: a batch that expired is never one too many.
_HAS_ROOM = """
local function has_room(tenant, most, prefix)
  if tenant == '' or redis.call('ZCARD', KEYS[1]) < most then
    return true
  end
  local count = 0
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if redis.call('HGET', prefix .. id, 'share_of') == tenant then
      count = count + 1
    end
  end
  return count < most
end
"""
_ASK_ROOM = _HAS_ROOM + "return has_room(ARGV[1], tonumber(ARGV[2]), ARGV[3]) and 1 or 0"
# KEYS: unfinished batches, batch, letters, items, targets, twins, sealed, the tenant's counts, and
# where there is one the Idempotency-Key. ARGV: those of _HAS_ROOM, then the id, when it was
# created, how long it is kept, until when its requests are, the letters, what the key is to say and
# how long, what `KeptResults.counting` gives, the commands to follow as JSON, and the fields of the
# batch. After a lost connection it may come a second time, when some of the items are at work.
# Returns FULL, what `count_kept` refuses with, or what the key says if it has made another batch:
# then nothing was written.
_CREATE = (
    _HAS_ROOM
    + COUNT
    + """
local made = KEYS[9] and redis.call('GET', KEYS[9])
if made and made ~= ARGV[9] then
  return made
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  if not has_room(ARGV[1], tonumber(ARGV[2]), ARGV[3]) then
    return 'full'
  end
  local now, ends, most_kept = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
  local refused = count_kept(KEYS[8], now, ends, string.len(ARGV[8]), most_kept)
  if refused then
    return refused
  end
end
if KEYS[9] then
  redis.call('SET', KEYS[9], ARGV[9], 'EX', ARGV[10])
end
redis.call('HSET', KEYS[2], unpack(ARGV, 15))
redis.call('SET', KEYS[3], ARGV[8], 'NX')
for i = 2, 6 do
  redis.call('EXPIRE', KEYS[i], ARGV[6])
end
redis.call('EXPIREAT', KEYS[7], ARGV[7])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[4])
for _, command in ipairs(cjson.decode(ARGV[14])) do
  redis.call(unpack(command))
end
"""
)
FULL = b"full"

_Fields = dict[EncodableT, EncodableT]


@dataclass(frozen=True, slots=True)
class BatchCreation:
    """Writes batches: their items first, a part at a time, then the batch itself."""

    _redis: RedisGate
    _file: AppendOnlyFile
    _result_ttl_s: int
    _most_open: int
    """How many unfinished batches a tenant may have."""
    _kept: KeptResults
    _list: TenantList

    async def refuse_if_full(self, tenant: str) -> None:
        """Refuse a batch that counts for `tenant` before it is sent; `create` decides.

        Raises:
            TooManyOpenBatchesError: the tenant has as many as it may have.
            StoreUnreachableError: the outcome is unknown.
        """
        async with commands(self._redis) as pipe:
            pipe.eval(_ASK_ROOM, 1, UNFINISHED_BATCHES, *self._room(tenant))
            (has_room,) = await pipe.execute()
        if not has_room:
            raise TooManyOpenBatchesError(self._most_open)

    async def add(self, batch_id: str, items: Sequence[NewItem]) -> None:
        """Keep items of a batch that is still being sent; they go again unless it is created."""
        async with commands(self._redis) as pipe:
            headers: _Fields = {new.index: ITEM.dump_json(new.item) for new in items}
            pipe.hset(items_key(batch_id), mapping=headers)
            sealed: _Fields = {new.index: new.sealed for new in items if new.sealed}
            if sealed:
                pipe.hset(sealed_key(batch_id), mapping=sealed)
            for key in (items_key(batch_id), sealed_key(batch_id)):
                pipe.expire(key, UNFINISHED_UPLOAD_S)
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
            TooManyOpenBatchesError: the tenant has as many as it may have; nothing was written.
            TooManyKeptError: the tenant has too many results already; nothing was written.
            StoreUnreachableError: nothing was written, or the outcome is unknown.
        """
        async with commands(self._redis) as pipe:
            # What is too large for a script comes first, and goes again like an upload.
            pipe.set(targets_key(batch_id), "\n".join(targets), ex=UNFINISHED_UPLOAD_S)
            if twins:
                equal: _Fields = {n: ",".join(map(str, others)) for n, others in twins.items()}
                pipe.hset(twins_key(batch_id), mapping=equal)
                pipe.expire(twins_key(batch_id), UNFINISHED_UPLOAD_S)
            keys = self._keys(batch_id, batch, claim)
            known = self._known(batch_id, batch, rejected, claim)
            pipe.eval(_CREATE, len(keys), *keys, *self._room(batch.share_of), *known)
            made = (await pipe.execute())[-1]
        if made == FULL:
            raise TooManyOpenBatchesError(self._most_open)
        self._kept.refuse(made)
        if claim and made:
            batch_id = claim.result_in(made)
        await self._file.wait_for(claim.redis_key if claim else batch_key(batch_id))
        return batch_id

    def _room(self, tenant: str) -> Sequence[str | int]:
        return tenant, self._most_open, batch_key("")

    def _keys(self, batch_id: str, batch: Batch, claim: Claim | None) -> Sequence[str]:
        parts = (batch_key, letters_key, items_key, targets_key, twins_key, sealed_key)
        named = [claim.redis_key] if claim else []
        counts = self._kept.key(batch.tenant)
        return [UNFINISHED_BATCHES, *(key(batch_id) for key in parts), counts, *named]

    def _known(
        self, batch_id: str, batch: Batch, rejected: Sequence[RejectedRow], claim: Claim | None
    ) -> Sequence[str | bytes | float]:
        created_s, start_by_s = batch.created_at.timestamp(), int(batch.start_by.timestamp())
        waits_s = (batch.start_by - batch.created_at).total_seconds()
        lives = created_s, int(waits_s) + self._result_ttl_s, start_by_s
        counting = self._kept.counting(batch.created_at, waits_s)
        listing = json.dumps(self._list.adding(batch.tenant, batch_id, batch.created_at))
        naming = claim.naming(batch_id) if claim else ""
        about = ("batch", batch.model_dump_json(), "rejected", REJECTED.dump_json([*rejected]))
        fields = (*about, "share_of", batch.share_of)
        made = (WAITING * batch.total, naming, KEPT_S)
        return batch_id, *lives, *made, *counting, listing, *fields

    async def discard(self, batch_id: str) -> None:
        """Forget what was added of a batch that is not created."""
        async with commands(self._redis) as pipe:
            for key in (items_key, sealed_key, targets_key, twins_key):
                pipe.delete(key(batch_id))
            await pipe.execute()
