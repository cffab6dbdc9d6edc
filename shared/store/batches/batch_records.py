"""Read what is kept of batches: which there are, where each stands, and what was sent of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.store.batches.batch import (
    Batch,
    BatchGoneError,
    BatchHead,
    BatchItem,
    BatchState,
    RejectedRow,
    item_from_json,
    rejected_from_json,
)
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    items_key,
    letters_key,
    same_as_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.store.commands import commands
from shared.store.gate import RedisGate


@dataclass(frozen=True, slots=True)
class BatchRecords:
    """Reads batches for all who show them, test them or repeat them; changes nothing.

    Each method may raise BatchGoneError: another version wrote what can't be read here.
    """

    _redis: RedisGate

    async def unfinished(self) -> Sequence[str]:
        """Return the batches that are not finished, the oldest first."""
        async with commands(self._redis) as pipe:
            pipe.zrange(UNFINISHED_BATCHES, 0, -1)
            (found,) = await pipe.execute()
        return [batch_id.decode("utf-8", "replace") for batch_id in found]

    async def head(self, batch_id: str) -> BatchHead | None:
        """Return what is known of the batch as a whole, None where there is none (any more)."""
        async with commands(self._redis) as pipe:
            pipe.hmget(batch_key(batch_id), ["batch", "began_at", "finished_at"])
            pipe.exists(letters_key(batch_id))
            (batch, began_at, finished_at), is_there = await pipe.execute()
        if batch is None or not is_there:
            return None
        with _gone_if_unreadable():
            record = Batch.model_validate_json(batch)
            return BatchHead(record, _moment(began_at), _moment(finished_at))

    async def state(self, batch_id: str) -> BatchState | None:
        """Return the batch and where it stands, None where there is none (any more)."""
        async with commands(self._redis) as pipe:
            pipe.hmget(batch_key(batch_id), ["batch", "began_at", "finished_at"])
            pipe.get(letters_key(batch_id))
            (batch, began_at, finished_at), letters = await pipe.execute()
        if batch is None or letters is None:
            return None
        with _gone_if_unreadable():
            return BatchState(
                Batch.model_validate_json(batch),
                letters.decode("latin-1"),  # a byte each, whatever it is
                _moment(began_at),
                _moment(finished_at),
            )

    async def letters(self, batch_id: str) -> bytes:
        """Return the letter of each item; none where there is no such batch (any more)."""
        async with commands(self._redis) as pipe:
            pipe.get(letters_key(batch_id))
            (found,) = await pipe.execute()
        return found or b""

    async def rejected(self, batch_id: str) -> Sequence[RejectedRow]:
        """Return the rows that are no platform to test."""
        async with commands(self._redis) as pipe:
            pipe.hmget(batch_key(batch_id), ["rejected", "reasons"])
            ((found, reasons),) = await pipe.execute()
        with _gone_if_unreadable():
            return rejected_from_json(found, reasons) if found else []

    async def targets(self, batch_id: str) -> Sequence[str]:
        """Return the target of each item; empty for one that takes no turns."""
        async with commands(self._redis) as pipe:
            pipe.get(targets_key(batch_id))
            (found,) = await pipe.execute()
        with _gone_if_unreadable():
            return (found or b"").decode().split("\n")

    async def twins(self, batch_id: str) -> Mapping[int, Sequence[int]]:
        """Return for items that have equal ones which those are."""
        async with commands(self._redis) as pipe:
            pipe.hgetall(twins_key(batch_id))
            (found,) = await pipe.execute()
        with _gone_if_unreadable():
            return {int(n): [*map(int, equal.split(b","))] for n, equal in found.items()}

    async def same_as(self, batch_id: str, indexes: Sequence[int]) -> Mapping[int, int]:
        """Return for those of the items that are not tested themselves the equal one that is."""
        if not indexes:
            return {}
        key = same_as_key(batch_id)
        async with commands(self._redis) as pipe:
            pipe.exists(key)
            pipe.hmget(key, [str(index) for index in indexes])
            is_known, found = await pipe.execute()
        if not is_known:  # nothing is equal, or the version before created the batch
            twins = await self.twins(batch_id)
            return {other: first for first, equal in twins.items() for other in equal}
        with _gone_if_unreadable():
            return {n: int(first) for n, first in zip(indexes, found, strict=True) if first}

    async def items(self, batch_id: str, indexes: Sequence[int]) -> Sequence[BatchItem]:
        """Return what was sent of the items at `indexes`.

        Raises:
            BatchGoneError: there is no such batch (any more).
        """
        if not indexes:
            return []
        async with commands(self._redis) as pipe:
            pipe.hmget(items_key(batch_id), [str(index) for index in indexes])
            (found,) = await pipe.execute()
        if None in found:
            raise BatchGoneError
        return [item_from_json(item) for item in found]

    async def sealed(self, batch_id: str, indexes: Sequence[int]) -> Sequence[str | None]:
        """Return the sealed requests of the items at `indexes`, None for those that are gone."""
        if not indexes:
            return []
        async with commands(self._redis) as pipe:
            pipe.hmget(sealed_key(batch_id), [str(index) for index in indexes])
            (found,) = await pipe.execute()
        return [sealed and sealed.decode() for sealed in found]


@contextmanager
def _gone_if_unreadable() -> Iterator[None]:
    """Take what can't be read for a batch that is not there: nothing can be done with it here."""
    try:
        yield
    except ValueError as error:
        raise BatchGoneError from error


def _moment(text: bytes | None) -> datetime | None:
    return datetime.fromisoformat(text.decode()) if text else None
