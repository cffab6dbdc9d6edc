import pytest

from shared.uploads.workbooks.numbers import (
    date_text,
    duration_text,
    is_rounded,
    kind_of,
    number_text,
    zeros_of,
)


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ("443", "443"),
        ("443.0", "443"),
        ("-1", "-1"),
        ("0", "0"),
        ("12.5", "12.5"),
        ("1.1000000000000001", "1.1"),
        ("0.29999999999999999", "0.3"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("1.2345678901234568E+17", "123456789012345680"),
        ("1E-7", "1e-07"),
        ("1E+300", "1e+300"),
        ("1E-99999999999999999999", "0"),
        ("NaN", "NaN"),
        ("1E+999", "1E+999"),
        ("", ""),
        ("x", "x"),
    ],
)
def test_a_number_is_what_the_spreadsheet_shows(stored: str, seen: str) -> None:
    """A port 443.0 is no port, and a reference of 24 digits no float."""
    assert number_text(stored) == seen


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("123456789012345", False),
        ("1234567890123456", True),
        ("0000123456789012345", False),
        ("-1234567890123456", True),
        ("1.5", False),
        ("1e+300", False),
        ("", False),
    ],
)
def test_a_spreadsheet_keeps_15_digits(text: str, *, rounded: bool) -> None:
    """Whoever types more gets zeros."""
    assert is_rounded(text) is rounded


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [
        (0, None, ""),
        (2, None, ""),
        (14, None, "date"),
        (22, None, "date"),
        (31, None, "date"),
        (46, None, "duration"),
        (164, "yyyy-mm-dd", "date"),
        (164, '[$-804]yyyy"年"m"月"d"日"', "date"),
        (164, "[h]:mm:ss", "duration"),
        (164, "General", ""),
        (164, "0.00", ""),
        (164, '0.0" days"', ""),
        (164, "[Red]0;[Blue]-0", ""),
        (164, "#,##0\\ \\d", ""),
        (164, "@", ""),
        (164, "", ""),
        (164, '0;"yes"', ""),
        (14, "0.00", ""),
        (164, '"' * 255, ""),
    ],
)
def test_a_format_tells_a_date(number: int, code: str | None, kind: str) -> None:
    """Letters in quotation marks, colours and locales are no dates."""
    assert kind_of(number, code) == kind


@pytest.mark.parametrize(
    ("days", "is_from_1904", "seen"),
    [
        ("46357", False, "2026-12-01"),
        ("46357.75", False, "2026-12-01T18:00:00"),
        ("44895", True, "2026-12-01"),
        ("0.5", False, "12:00:00"),
        ("1", False, "1900-01-01"),
        ("61", False, "1900-03-01"),
        ("2958465", False, "2958465"),
        ("1E+300", True, "1e+300"),
        ("-1", False, "-1"),
        ("x", False, "x"),
    ],
)
def test_a_date_is_written_as_iso_8601_has_it(days: str, is_from_1904: bool, seen: str) -> None:
    """A number of days means nothing to anybody."""
    assert date_text(days, is_from_1904=is_from_1904) == seen


@pytest.mark.parametrize(
    ("days", "seen"), [("1.5", "36:00:00"), ("0.0001", "0:00:09"), ("-1", "-1")]
)
def test_a_duration_is_hours(days: str, seen: str) -> None:
    """As the format [h]:mm:ss shows it."""
    assert duration_text(days) == seen


@pytest.mark.parametrize(
    ("code", "zeros"), [("00000", 5), ("0", 0), ("0.00", 0), (None, 0), ("0" * 99, 0)]
)
def test_a_format_of_zeros_keeps_them(code: str | None, zeros: int) -> None:
    """Who gives a reference five digits sees five."""
    assert zeros_of(code) == zeros
