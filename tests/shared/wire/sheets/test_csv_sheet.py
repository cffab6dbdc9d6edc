import csv
import io

from shared.wire.sheets.csv_sheet import sheet_csv


def test_each_row_is_a_line() -> None:
    """RFC 4180."""
    rows: list[list[object]] = [["name", "tookMs"], ["Zürich, 1", 12.5], [None, True]]

    assert sheet_csv(rows) == 'name,tookMs\r\n"Zürich, 1",12.5\r\n,True\r\n'


def test_no_text_is_read_as_a_formula() -> None:
    """A number below zero is none."""
    (cells,) = csv.reader(io.StringIO(sheet_csv([["=1+1", -1, "-1"]])))

    assert cells == ["'=1+1", "-1", "'-1"]
