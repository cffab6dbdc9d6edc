"""Keep what was worked out of the last batches, for the next look at them."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(kept: dict[K, V], key: K, value: V, most: int) -> V:
    """Keep `value` in the place of the oldest ones where `kept` has `most`, and return it."""
    kept.pop(key, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value
    return value
