"""Read a table, and say what was read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.uploads import Reading, Row, UploadError, Wishes, rows
from tests.shared.uploads.uploading import CANARY


@dataclass
class Read:
    """The rows of a table, and what was read of it."""

    rows: list[Row] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)

    @property
    def contents(self) -> list[dict[str, Any]]:
        """The content of each row, none of which has a problem."""
        assert [row.problem for row in self.rows if row.problem] == []
        return [row.content for row in self.rows]

    @property
    def problems(self) -> list[str | None]:
        """The problem of each row."""
        return [str(row.problem) if row.problem else None for row in self.rows]

    @property
    def doubts(self) -> list[tuple[str, str, str]]:
        """The place, the field and the text of each doubt."""
        return [(one.place, one.field, str(one.said)) for one in self.reading.doubts]

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        """The header, the field and the note of each column."""
        noted = self.reading.columns
        return [(one.header, one.field, str(one.note) if one.note else "") for one in noted]

    @property
    def dialect(self) -> tuple[str, str, int | None]:
        """The encoding, the separator and the line of the header."""
        return self.reading.encoding, self.reading.separator, self.reading.header_line


def read_table(table: str | bytes, wishes: Wishes | None = None, size: int = 1_000_000) -> Read:
    """Return what is read of a table, cut into pieces."""
    body = table.encode() if isinstance(table, str) else table
    found = Read()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async def read() -> None:
        async for row in rows(pieces(), "text/csv", wishes or Wishes(), found.reading):
            found.rows.append(row)

    asyncio.run(read())
    return found


def refused(table: str | bytes, wishes: Wishes | None = None, size: int = 1_000_000) -> UploadError:
    """Return why a table can't be read; it says nothing of what must not be said."""
    with pytest.raises(UploadError) as caught:
        read_table(table, wishes, size)
    said = caught.value
    assert CANARY not in f"{said!r} {said.detail} {said.__cause__!r} {said.__context__!r}"
    return said
