"""Read an upload with one JSON object per line."""

import math
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from shared.bounds import MOST_COMMAS, TOO_MANY_MEMBERS, beyond_bounds
from shared.diagnosis.outcomes import Fact
from shared.uploads.json.items import Items
from shared.uploads.lines import Lines
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable
from shared.uploads.wishes import Wishes

_BLANKS = b" \t\r"
_COLUMN = re.compile(r"column (\d+)$")


class JsonLinesParser:
    """Parser of NDJSON; a line that can't be read is a row with a problem."""

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        reading.format, reading.encoding = "NDJSON", "UTF-8"
        self._lines = Lines()
        self._items = Items(wishes, reading)

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        return self._rows(self._lines.feed(chunk))

    def finish(self) -> Iterator[Row]:
        """Yield the last row if its line has no line feed."""
        return self._rows(self._lines.finish())

    def _rows(self, lines: Iterator[bytes]) -> Iterator[Row]:
        for line in lines:
            if record := line.strip(_BLANKS):
                yield _row(self._items, self._lines.number, record)


def _row(items: Items, line: int, record: bytes) -> Row:
    place = f"line {line}"
    if record.count(b",") > MOST_COMMAS:
        return Row(place, {}, TOO_MANY_MEMBERS, line)
    try:
        # Cached strings, key pairs among them, would outlive the request.
        content = from_json(record, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        column = _COLUMN.search(str(error))
        where: dict[str, Fact] = {"column": column[1]} if column else {}
        return unreadable(place, "is not valid JSON in UTF-8[, from column {column} on]", **where)
    if not isinstance(content, dict):
        return unreadable(place, "is not a JSON object")
    if problem := beyond_bounds(content):
        return Row(place, {}, problem, line)
    return _flaw(place, content) or items.row(place, content, line)


def _flaw(place: str, value: dict[str, Any] | list[Any]) -> Row | None:
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, float) and not math.isfinite(member):  # 1e999 becomes infinite
            return unreadable(place, "contains a number that is too large")
        if isinstance(member, dict | list) and (flaw := _flaw(place, member)):
            return flaw
    return None
