import pytest

from shared.store.batches.batch import RejectedRow
from shared.uploads.inventories.values import VAULTED
from shared.uploads.reading import ReadColumn, Reading
from shared.uploads.row import Row
from shared.uploads.tables.header import PROBLEM_COLUMN
from shared.wire import bad_rows
from shared.wire.bad_rows import MOST_CELLS, MOST_NAMES, MOST_ROWS, BadRows

WHY = RejectedRow("line 17", "endpoint", "is required")
TABLE = Reading(
    columns=[ReadColumn(1, "Host", "endpoint"), ReadColumn(2, "password"), ReadColumn(3, "")]
)


def table(*rows: Row, reading: Reading = TABLE, why: RejectedRow = WHY) -> list[list[str]]:
    """Return the table of bad `rows`."""
    kept = BadRows()
    for row in rows:
        kept.take(row, why)
    return [[*cells] for cells in kept.table(reading)]


def test_the_rows_of_a_table_keep_its_columns() -> None:
    """Columns that were left out may be what the caller needs to mend it."""
    assert table(Row("line 17", {}, cells=["", "s3cret"])) == [
        ["Host", "password", "", PROBLEM_COLUMN],
        ["", "s3cret", "", "line 17: endpoint: is required"],
    ]


def test_a_row_with_too_many_cells_keeps_all_of_them() -> None:
    """One of them is the one too many."""
    header, row = table(Row("line 17", {}, cells=["a", "b", "c", "d"]))

    assert header == ["Host", "password", "", "", PROBLEM_COLUMN]
    assert row[:4] == ["a", "b", "c", "d"]


def test_a_row_of_separators_does_not_widen_the_others() -> None:
    """One upload has 250 rows of 130,000 cells each, which would take gigabytes as a table."""
    header, row = table(Row("line 17", {}, cells=["a", *[""] * 130_000, "b"]))

    assert len(header) == len(row) == MOST_CELLS + 1


def test_an_encrypted_value_is_an_empty_cell() -> None:
    """A list in YAML may have one where JSON has nothing like it."""
    content = {"endpoint": VAULTED, "options": {"a": [VAULTED]}}

    assert table(Row("items[0]", content))[1][:2] == ["", "[null]"]


def test_what_was_wrong_before_is_not_told_again() -> None:
    """A mended table is looked at again, and has the column already."""
    reading = Reading(columns=[ReadColumn(1, "Conncheck: Problem"), ReadColumn(2, "Host")])

    assert table(Row("line 17", {}, cells=["line 9: old", "h"]), reading=reading) == [
        ["Host", PROBLEM_COLUMN],
        ["h", "line 17: endpoint: is required"],
    ]


def test_a_table_without_a_header_gets_the_names_of_its_fields() -> None:
    """It is read again without a mapping."""
    reading = Reading(columns=[ReadColumn(1, "", "endpoint"), ReadColumn(2, "", "accessKey")])

    assert table(Row("line 1", {}, cells=["h", "AK"]), reading=reading)[0] == [
        *("endpoint", "accessKey", PROBLEM_COLUMN)
    ]


def test_the_members_of_json_objects_become_columns() -> None:
    """A table of them can be mended and sent, as a JSON document can not."""
    one = {"endpoint": "h", "options": {"tls": {"verify": False}}, "labels": {"owner": "Alice"}}

    header, first, second = table(
        Row("items[0]", one), Row("items[1]", {"name": "B", "endpoint": ["h"]}), reading=Reading()
    )

    assert header == ["endpoint", "options.tls.verify", "label.owner", "name", PROBLEM_COLUMN]
    assert first[:4] == ["h", "false", "Alice", ""]
    assert second[:4] == ['["h"]', "", "", "B"]


def test_of_very_many_bad_rows_the_first_are_kept() -> None:
    """They lie in memory while an upload is read."""
    rows = [Row(f"line {n}", {}, cells=["x"]) for n in range(MOST_ROWS + 5)]

    assert len(table(*rows)) == 1 + MOST_ROWS


def test_long_rows_are_kept_up_to_a_bound() -> None:
    """A thousand rows of 256 KB are a quarter of a gigabyte."""
    long = "x" * 250_000
    rows = [Row(f"line {n}", {}, cells=[long]) for n in range(100)]

    assert len(table(*rows)) == 1 + bad_rows.MOST_CHARACTERS // len(long)


def test_names_that_nobody_can_mend_are_bounded() -> None:
    """Objects with different members would make a table of a million cells."""
    rows = [Row(f"items[{n}]", {f"n{n}": 1}) for n in range(1000)]

    assert len(table(*rows, reading=Reading())[0]) == MOST_NAMES + 1


def test_no_secret_is_printed() -> None:
    """A log of an error would show it."""
    kept = BadRows()
    kept.take(Row("line 1", {"secretKey": "s3cret"}), WHY)
    kept.take(Row("line 1", {}, cells=["s3cret"]), WHY)

    assert "s3cret" not in repr(kept) + repr(kept._rows)  # noqa: SLF001 -- what a debugger prints


@pytest.mark.parametrize(("field", "told"), [("", "line 17: is required"), ("name", None)])
def test_a_row_tells_its_place_and_what_is_wrong(field: str, told: str | None) -> None:
    """It is the only thing that the table adds."""
    (_, row) = table(Row("line 17", {}, cells=[]), why=RejectedRow("line 17", field, "is required"))

    assert row[-1] == (told or "line 17: name: is required")
