"""Keep spreadsheets from reading a text as a formula."""

import re

# What begins a formula in a spreadsheet (OWASP, CSV injection), and what East Asian versions of
# Excel turn into one of these signs.
_SIGNS = "=+@\\-\t\r＝＋－＠"  # noqa: RUF001 -- the full-width signs are meant
# What a spreadsheet, or somebody who cleans a table, may take away in front of a sign.
_SKIPPED = "\\s\"'\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_BEFORE_A_SIGN = f"(?=[{_SKIPPED}]*[{_SIGNS}])"
# Where the comma is the decimal sign, a cell of a CSV ends with each semicolon.
_BEGIN = r"(?:\A|(?<=;))"
_FORMULA = re.compile(_BEGIN + _BEFORE_A_SIGN)
_NEUTRALISED = re.compile(f"{_BEGIN}'{_BEFORE_A_SIGN}")


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet may read `text` as a formula."""
    return bool(_FORMULA.search(text))


def neutralised(text: str) -> str:
    """Return `text` with an apostrophe wherever a spreadsheet may begin a formula."""
    return _FORMULA.sub("'", text)


def as_it_was(text: str) -> str:
    """Return the text of which `neutralised` made `text`."""
    return _NEUTRALISED.sub("", text)
