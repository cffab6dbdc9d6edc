"""Create batches: of an upload, or of what another batch is to repeat."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from redis.typing import EncodableT

from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import (
    REASONS,
    Batch,
    NewItem,
    RejectedRow,
    TooManyOpenBatchesError,
    item_to_json,
    rejected_as_json,
)
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    ca_certificates_key,
    index_key,
    items_key,
    letters_key,
    same_as_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.store.batches.creation_scripts import (
    COPY_CA_CERTIFICATES,
    CREATE,
    FULL,
    HAS_ROOM,
)
from shared.store.batches.letters import WAITING
from shared.store.commands import commands
from shared.store.copies import Copies
from shared.store.gate import RedisGate
from shared.store.idempotency import KEPT_S, Claim
from shared.store.limits.kept_results import BYTES_A_RESULT, KeptResults
from shared.store.site_keys import SiteKeys
from shared.store.tenant_list import TenantList

UNFINISHED_UPLOAD_S = 900

_OF_AN_UPLOAD = (items_key, sealed_key, ca_certificates_key, same_as_key)

_Fields = dict[EncodableT, EncodableT]


@dataclass(frozen=True, slots=True)
class BatchCreation:
    """Writes batches: their items first, a part at a time, then the batch itself."""

    _redis: RedisGate
    _copies: Copies
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
            pipe.eval(HAS_ROOM, 1, UNFINISHED_BATCHES, *self._room(tenant))
            (has_room,) = await pipe.execute()
        if not has_room:
            raise TooManyOpenBatchesError(self._most_open)

    async def add(
        self,
        batch_id: str,
        items: Sequence[NewItem],
        ca_certificates: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        """Keep items of a batch that is still being sent; they go again unless it is created.

        `ca_certificates` are those that the items name and that are not kept yet: by site, sealed
        for it, by their digests.
        """
        async with commands(self._redis) as pipe:
            headers: _Fields = {new.index: item_to_json(new.item) for new in items}
            pipe.hset(items_key(batch_id), mapping=headers)
            sealed: _Fields = {new.index: new.sealed for new in items if new.sealed}
            if sealed:
                pipe.hset(sealed_key(batch_id), mapping=sealed)
            for site, of_site in ca_certificates.items():
                named: _Fields = dict(of_site.items())
                at_site = SiteKeys.of(site).ca_certificates(batch_id)
                pipe.hset(at_site, mapping=named)
                pipe.expire(at_site, UNFINISHED_UPLOAD_S)
            followers: _Fields = {n.index: n.same_as for n in items if n.same_as is not None}
            if followers:
                pipe.hset(same_as_key(batch_id), mapping=followers)
            for key in _OF_AN_UPLOAD:
                pipe.expire(key(batch_id), UNFINISHED_UPLOAD_S)
            await pipe.execute()

    async def add_ca_certificates_of(
        self, repeated_id: str, batch_id: str, sites: Iterable[str] = (DEFAULT_SITE,)
    ) -> int:
        """Keep the CA certificates of a batch for one that repeats it; return their bytes."""
        async with commands(self._redis) as pipe:
            for at in map(SiteKeys.of, sites):
                keys = at.ca_certificates(repeated_id), at.ca_certificates(batch_id)
                pipe.eval(COPY_CA_CERTIFICATES, len(keys), *keys)
            return sum(map(int, await pipe.execute()))

    async def create(
        self,
        batch_id: str,
        batch: Batch,
        rejected: Sequence[RejectedRow],
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
        *,
        index: Mapping[str, bytes] = MappingProxyType({}),
        claim: Claim | None = None,
        sealed_bytes: int = 0,
    ) -> str:
        """Have the tests of the items begin: all or, where anything dies meanwhile, none.

        `targets` are texts of `item_target`. `index` is what an ItemIndex of the items contains;
        without it, who looks for some of them reads all. Each item counts as a result that is
        kept, or all together as more if `sealed_bytes` take the memory of more.

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
            if index:
                pipe.hset(index_key(batch_id), mapping=dict(index.items()))
                pipe.expire(index_key(batch_id), UNFINISHED_UPLOAD_S)
            keys = self._keys(batch_id, batch, claim)
            weight = max(batch.total, sealed_bytes // BYTES_A_RESULT)
            known = self._known(batch_id, batch, rejected, claim, weight)
            pipe.eval(CREATE, len(keys), *keys, *self._room(batch.share_of), *known)
            made = (await pipe.execute())[-1]
        if made == FULL:
            raise TooManyOpenBatchesError(self._most_open)
        self._kept.refuse(made)
        if claim and made:
            batch_id = claim.result_in(made)
        await self._copies.wait_for(claim.redis_key if claim else batch_key(batch_id))
        return batch_id

    def _room(self, tenant: str) -> Sequence[str | int]:
        return tenant, self._most_open, batch_key("")

    def _keys(self, batch_id: str, batch: Batch, claim: Claim | None) -> Sequence[str]:
        lasting = (
            batch_key,
            letters_key,
            items_key,
            targets_key,
            twins_key,
            same_as_key,
            index_key,
        )
        parts = (*lasting, sealed_key, ca_certificates_key)
        named = [claim.redis_key] if claim else []
        counts = self._kept.key(batch.tenant)
        return [UNFINISHED_BATCHES, *(key(batch_id) for key in parts), counts, *named]

    def _known(
        self,
        batch_id: str,
        batch: Batch,
        rejected: Sequence[RejectedRow],
        claim: Claim | None,
        weight: int,
    ) -> Sequence[str | bytes | float]:
        created_s, start_by_s = batch.created_at.timestamp(), int(batch.start_by.timestamp())
        waits_s = (batch.start_by - batch.created_at).total_seconds()
        lives = created_s, int(waits_s) + self._result_ttl_s, start_by_s
        counting = self._kept.counting(batch.share_of, batch.created_at, waits_s)
        follow = [*self._list.adding(batch.tenant, batch_id, batch.created_at)]
        elsewhere = (SiteKeys.of(site).ca_certificates(batch_id) for site in batch.sites)
        follow += [("EXPIREAT", key, str(start_by_s)) for key in elsewhere]
        listing = json.dumps(follow)
        naming = claim.naming(batch_id) if claim else ""
        made = (WAITING * batch.total, naming, KEPT_S)
        fields = (
            *("batch", batch.model_dump_json(), "share_of", batch.share_of),
            *("rejected", rejected_as_json(rejected)),
            *("reasons", REASONS.dump_json([row.said for row in rejected])),
        )
        return batch_id, *lives, *made, *counting, weight, listing, *fields

    async def discard(self, batch_id: str, sites: Iterable[str] = ()) -> None:
        """Forget what was added of a batch that is not created; `sites` are those of its items."""
        async with commands(self._redis) as pipe:
            keys = (*_OF_AN_UPLOAD, targets_key, twins_key, index_key)
            elsewhere = (SiteKeys.of(site).ca_certificates(batch_id) for site in sites)
            pipe.delete(*(key(batch_id) for key in keys), *elsewhere)
            await pipe.execute()
