"""Collect a page of what a tenant has: it costs the same, however few entries match a filter."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, Field

from api.filters import Filters, cursor_like
from shared.store.tenant_list import PLACE, id_at

TOGETHER = 20  # entries in one read, after which other requests have their turn

ShownT = TypeVar("ShownT")
Places = Callable[[str | None, int], Awaitable[Sequence[str]]]
"""Returns at most so many places after a place."""
Show = Callable[[Sequence[str]], Awaitable[Sequence[ShownT | None]]]
"""Returns the entries with these ids, None for each that does not match or is deleted."""


class ListFilters(Filters):
    """The parameters that every list has."""

    since: AwareDatetime | None = Field(
        default=None, description="Only created since then.", examples=["2026-11-28T12:00:00Z"]
    )
    cursor: Annotated[str, cursor_like(PLACE)] | None = Field(
        default=None, max_length=50, description="`nextCursor` of the previous page."
    )
    limit: int = Field(default=50, ge=1, le=100)


async def collect(
    wanted: ListFilters,
    places_after: Places,
    show: Show[ShownT],
    *,
    is_filtered: bool,
    most_read: int,
) -> tuple[Sequence[ShownT], str | None]:
    """Return the entries of a page, and the cursor of the next one; None after the last.

    `most_read` entries are read at most: a page may be short, or empty, and not be the last.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    found: list[ShownT] = []
    place, left = wanted.cursor, most_read
    while left and len(found) < wanted.limit:
        count = min(TOGETHER, left, TOGETHER if is_filtered else wanted.limit - len(found))
        places = await places_after(place, count + 1)
        shown = await show([id_at(one) for one in places[:count]])
        for read, one in zip(places[:count], shown, strict=True):
            place = read
            found += [one] if one is not None else []
            if len(found) == wanted.limit:
                break
        if places[-1:] in ([], [place]):
            return found, None
        left -= count
    return found, place
