"""What the service tells of an upload."""

from conncheck_client.models.wire import AnswerModel


class RowError(AnswerModel):
    """A row that can't be tested as it stands, or a part of it that may not be meant."""

    place: str
    """Where it is in the upload, such as line 17."""
    line: int | None = None
    """The line of a text or the row of a sheet, from 1."""
    column: int | None = None
    """The column of a table that sets the field, from 1."""
    field: str
    reason: str
    example: str | None = None
    """A valid value."""

    @property
    def cause(self) -> None:
        """The errors of rows have no code, unlike those of a single test."""
        return


class Column(AnswerModel):
    """A column of the upload, and what it was taken for."""

    number: int
    """From 1."""
    header: str
    """Its text in the header; empty in a table without one."""
    field: str
    """The field that it sets, such as endpoint or label.owner; empty if it is left out."""
    note: str
    """Why it is left out, or what else to know; or empty."""


class Reading(AnswerModel):
    """What was read of an upload."""

    text: str
    """In one sentence."""
    format: str
    encoding: str | None
    separator: str | None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    header_line: int | None
    """None in a table without a header."""
    columns: tuple[Column, ...]
    warnings: tuple[RowError, ...]
    """The first of them."""
    warning_count: int


class FirstRow(AnswerModel):
    """One of the first rows as it was read."""

    place: str
    line: int | None
    values: dict[str, str]
    """The fields that are set, with credentials masked."""


class DryRun(AnswerModel):
    """What a bulk test of an upload would test; nothing was stored or tested."""

    read: Reading
    accepted: int
    rejected: int
    errors: tuple[RowError, ...]
    """The first invalid rows."""
    first: tuple[FirstRow, ...]
    """The first valid rows."""
