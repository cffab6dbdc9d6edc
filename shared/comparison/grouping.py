"""Tell sites that have seen the same from the others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from shared.comparison.seen import Seen

K = TypeVar("K")


def grouped(sites: Iterable[Seen], key: Callable[[Seen], K | None]) -> Mapping[K, Sequence[Seen]]:
    """Return `sites` by `key`, those of None left out, in the order in which they came."""
    groups: dict[K, list[Seen]] = {}
    for one in sites:
        seen = key(one)
        if seen is not None:
            groups.setdefault(seen, []).append(one)
    return groups


def overlapping(sets: Sequence[frozenset[str]]) -> Sequence[Sequence[int]]:
    """Return which of `sets` belong together: each shares a member with another of its group."""
    groups: list[tuple[set[str], list[int]]] = []
    for number, members in enumerate(sets):
        joined = [group for group in groups if not group[0].isdisjoint(members)]
        apart = [group for group in groups if group[0].isdisjoint(members)]
        together = {*members}.union(*(group[0] for group in joined))
        numbers = sorted([number, *(n for group in joined for n in group[1])])
        groups = [*apart, (together, numbers)]
    return sorted(numbers for _, numbers in groups)
