"""The models of what was read of an upload, and of the rows that can't be tested."""

from pydantic import Field

from shared.diagnosis.report import WireModel


class RowError(WireModel):
    """A row that can't be tested as it stands, or a part of it that may not be meant."""

    place: str = Field(description="The row's place in the upload.", examples=["line 17"])
    line: int | None = Field(description="The line of a text or the row of a sheet, from 1.")
    column: int | None = Field(description="The column that sets the field, from 1.")
    field: str = Field(examples=["endpoint"])
    reason: str
    example: str | None = Field(description="A valid value.")


class ColumnView(WireModel):
    """A column of the upload, and what it was taken for."""

    number: int = Field(description="From 1.")
    header: str = Field(description="Its text in the header; empty in a table without one.")
    field: str = Field(
        description="The field that it sets; empty for a column that is left out.",
        examples=["endpoint", "label.owner"],
    )
    note: str = Field(description="Why it is left out, or what else to know; or empty.")


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
