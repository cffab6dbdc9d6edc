import csv
import io

from shared.wire.sheets.csv_sheet import sheet_csv, sheet_csv_file


def test_each_row_is_a_line() -> None:
    """RFC 4180."""
    rows: list[list[object]] = [["name", "tookMs"], ["Zürich, 1", 12.5], [None, True]]

    assert sheet_csv(rows) == 'name,tookMs\r\n"Zürich, 1",12.5\r\n,True\r\n'


def test_no_text_is_read_as_a_formula() -> None:
    """A number below zero is none."""
    (cells,) = csv.reader(io.StringIO(sheet_csv([["=1+1", -1, "-1"]])))

    assert cells == ["'=1+1", "-1", "'-1"]


def test_a_file_begins_with_what_excel_knows_utf_8_by() -> None:
    """It reads 名称 in the encoding of the machine otherwise."""
    assert sheet_csv_file([["名称", 7], [None, 8]]).decode() == "\ufeff名称,7\r\n,8\r\n"
