"""Read what the items of a batch are found, grouped and sorted by, for all of them together."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.store.batches.batch_keys import index_key, took_key
from shared.store.batches.item_index import NAME, REF, TEXTS, ItemGroup, texts_from_bytes
from shared.store.batches.item_times import numbers_of
from shared.store.commands import commands
from shared.store.gate import RedisGate


@dataclass(frozen=True, slots=True)
class BatchIndex:
    """Reads what ItemIndex and ItemSettler have written."""

    _redis: RedisGate

    async def groups(self, batch_id: str) -> Mapping[str, ItemGroup]:
        """Return the groups by "productType" and "label.NAME", which never change.

        There are none of a batch of the version before.
        """
        key = index_key(batch_id)
        async with commands(self._redis) as pipe:
            pipe.hkeys(key)
            (found,) = await pipe.execute()
        names = sorted(name for name in found if not _is_of_texts(name.decode()))
        if not names:
            return {}
        async with commands(self._redis) as pipe:
            pipe.hmget(key, names)
            (contents,) = await pipe.execute()
        read = [ItemGroup.from_bytes(content or b"") for content in contents]
        return {name.decode(): one for name, one in zip(names, read, strict=True) if one}

    async def texts(self, batch_id: str, name: str, total: int) -> Sequence[str] | None:
        """Return a text of each of `total` items, which never change: NAME, REF, or a label's.

        A label is named as TEXTS + LABEL + its name. None where no item has one or a group has it,
        and of a batch of the version before.
        """
        async with commands(self._redis) as pipe:
            pipe.hget(index_key(batch_id), name)
            (content,) = await pipe.execute()
        texts = texts_from_bytes(content or b"")
        return texts if len(texts) == total else None

    async def has_index(self, batch_id: str) -> bool:
        """Return whether this version wrote the batch: what its index lacks no item has."""
        async with commands(self._redis) as pipe:
            pipe.exists(index_key(batch_id))
            (found,) = await pipe.execute()
        return bool(found)

    async def times(self, batch_id: str, total: int) -> "array[int]":
        """Return for each of `total` items a number that is greater the longer its test took.

        It is 0 for one that is not known to have been tested.
        """
        async with commands(self._redis) as pipe:
            pipe.get(took_key(batch_id))
            (content,) = await pipe.execute()
        return numbers_of(content or b"", total)


def _is_of_texts(name: str) -> bool:
    return name in (NAME, REF) or name.startswith(TEXTS)
