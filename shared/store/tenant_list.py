"""List what a tenant has, newest first: an index of its jobs, and one of its batches.

An index is a sorted set whose scores are all equal, so Redis sorts its members as texts: the time
of creation, then the id. A member is also a place in the list, where the next page begins. An
invented place leads to another part of the same tenant's list: the key comes from the token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from redis.asyncio import Redis

from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import Command

PLACE: str = "[0-9]{13}-[0-9a-f]{24,32}"
"""The pattern of a place: milliseconds since 1970, and the id of a job or a batch."""

_LAST_MS = 10**13 - 1  # texts of one length are sorted as numbers are


def id_at(place: str) -> str:
    """Return the id of the job or batch at `place`."""
    return place.partition("-")[2]


@dataclass(frozen=True, slots=True)
class TenantList:
    """The index of what each tenant has of one kind; all of it goes after `kept_s`."""

    kind: Literal["jobs", "batches"]
    kept_s: int

    def key(self, tenant: str) -> str:
        """Return the key of the tenant's index."""
        return f"conncheck:{self.kind}-of:{tenant}"

    def adding(self, tenant: str, id_: str, created_at: datetime) -> Sequence[Command]:
        """Return the commands that add an entry, and remove those whose time is over."""
        key, expired = self.key(tenant), _ms(created_at - timedelta(seconds=self.kept_s))
        return (
            ("ZADD", key, "0", f"{_ms(created_at)}-{id_}"),
            ("ZREMRANGEBYLEX", key, "-", f"({expired}"),
            ("EXPIRE", key, str(self.kept_s)),
        )

    async def places(
        self, redis: Redis, tenant: str, after: str | None, since: datetime | None, most: int
    ) -> Sequence[str]:
        """Return at most `most` places after the place `after`, down to those of `since`."""
        newest, oldest = f"({after}" if after else "+", f"[{_ms(since)}" if since else "-"
        # redis-py's types allow for an answer that is no coroutine.
        asked: Any = redis.zrevrangebylex(self.key(tenant), newest, oldest, 0, most)
        return [place.decode() for place in cast("list[bytes]", await asked)]


@dataclass(frozen=True, slots=True)
class TenantListReader:
    """The list of each tenant, behind the gate."""

    _gate: RedisGate
    _list: TenantList

    async def places(
        self, tenant: str, after: str | None, since: datetime | None, most: int
    ) -> Sequence[str]:
        """Return places, as `TenantList.places`; what they lead to may be deleted already.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return await self._list.places(redis, tenant, after, since, most)


def _ms(moment: datetime) -> str:
    return f"{min(max(0, int(moment.timestamp() * 1000)), _LAST_MS):013d}"
