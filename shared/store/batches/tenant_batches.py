"""List a tenant's own batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.store.gate import RedisGate
from shared.store.tenant_list import TenantList


@dataclass(frozen=True, slots=True)
class TenantBatches:
    """The batches of each tenant, newest first."""

    _gate: RedisGate
    _list: TenantList

    async def places(
        self, tenant: str, after: str | None, since: datetime | None, most: int
    ) -> Sequence[str]:
        """Return the places of batches, as `TenantList.places`; some may be deleted already.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return await self._list.places(redis, tenant, after, since, most)
