"""The models of what was read of an upload, and of the rows that can't be tested."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import Field

from shared.diagnosis.report import WireModel
from shared.diagnosis.sentences import text_in
from shared.diagnosis.translations import Language, place_in, sentence
from shared.wire.reading_text import reading_text

if TYPE_CHECKING:  # a single test has these models in its problems, and reads no upload
    from shared.store.batches.batch import RejectedRow
    from shared.uploads.reading import Doubt, ReadColumn, Reading

ERRORS_SHOWN = 50  # invalid rows in one response; the others are only counted


class RowError(WireModel):
    """A row that can't be tested as it stands, or a part of it that may not be meant."""

    place: str = Field(description="The row's place in the upload.", examples=["line 17"])
    line: int | None = Field(
        default=None, description="The line of a text or the row of a sheet, from 1."
    )
    column: int | None = Field(
        default=None, description="The column of a table that sets the field, from 1."
    )
    field: str = Field(examples=["endpoint"])
    reason: str
    example: str | None = Field(default=None, description="A valid value.")

    @classmethod
    def of(cls, rows: "Sequence[RejectedRow]", language: Language = "en") -> tuple[Self, ...]:
        """Return the first ERRORS_SHOWN of invalid rows, with texts in `language`."""
        return tuple(
            cls(
                place=place_in(language, row.place),
                line=row.line,
                column=row.column,
                field=row.field,
                reason=text_in(language, row.reason, row.said),
                example=row.example,
            )
            for row in rows[:ERRORS_SHOWN]
        )

    @classmethod
    def of_doubt(cls, doubt: "Doubt", reading: "Reading", language: Language) -> Self:
        """Return a part of a row that may not be meant."""
        return cls(
            place=place_in(language, doubt.place),
            line=doubt.line,
            column=reading.column_of(doubt.field),
            field=doubt.field,
            reason=doubt.said.in_language(language),
        )


class ColumnView(WireModel):
    """A column of the upload, and what it was taken for."""

    number: int = Field(description="From 1.")
    header: str = Field(description="Its text in the header; empty in a table without one.")
    field: str = Field(
        description="The field that it sets; empty for a column that is left out.",
        examples=["endpoint", "label.owner"],
    )
    note: str = Field(description="Why it is left out, or what else to know; or empty.")

    @classmethod
    def of(cls, column: "ReadColumn", language: Language) -> Self:
        """Return the public view of a column."""
        note = column.note.in_language(language) if column.note else ""
        return cls(number=column.number, header=column.header, field=column.field, note=note)


class ReadingView(WireModel):
    """What was read of an upload."""

    text: str = Field(examples=["Read as CSV in GB18030, separated by semicolons."])
    format: str = Field(examples=["CSV"])
    encoding: str | None = Field(examples=["GB18030"])
    separator: str | None = Field(examples=[";"])
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    header_line: int | None = Field(description="null in a table without a header.")
    columns: tuple[ColumnView, ...]
    warnings: tuple[RowError, ...] = Field(description="The first 50 of them.")
    warning_count: int

    @classmethod
    def of(cls, reading: "Reading", language: Language = "en") -> Self:
        """Return the public view of what was read, with texts in `language`."""
        return cls(
            text=reading_text(reading).in_language(language),
            format=sentence(language, reading.format),
            encoding=reading.encoding or None,
            separator=reading.separator or None,
            sheet=reading.sheet or None,
            sheets=tuple(reading.sheets),
            header_line=reading.header_line,
            columns=tuple(ColumnView.of(one, language) for one in reading.columns),
            warnings=tuple(RowError.of_doubt(one, reading, language) for one in reading.doubts),
            warning_count=reading.doubt_count,
        )


class FirstRow(WireModel):
    """One of the first rows as it was read."""

    place: str
    line: int | None
    values: dict[str, str] = Field(
        description="The fields that are set, with credentials masked.",
        examples=[{"endpoint": "10.0.0.5:8443", "secretKey": "••••"}],
    )


class DryRun(WireModel):
    """What a bulk test of this upload would test; nothing was stored or tested."""

    read: ReadingView
    accepted: int
    rejected: int
    errors: tuple[RowError, ...] = Field(description="The first 50 invalid rows.")
    first: tuple[FirstRow, ...] = Field(description="The first valid rows.")
