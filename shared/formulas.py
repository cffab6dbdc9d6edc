"""Keep spreadsheets from reading a text as a formula."""

import re

# What begins a formula in a spreadsheet (OWASP, CSV injection), and what East Asian versions of
# Excel turn into one of these signs.
_VISIBLE = "=+@\\-＝＋－＠﹦﹢﹣﹫"  # noqa: RUF001 -- the full-width and small signs are meant
_SIGNS = rf"{_VISIBLE}\t\r"
# What a spreadsheet, or somebody who cleans a table, may take away in front of a sign.
_INVISIBLE = r"\x00-\x08\x0e-\x1f\x7f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SKIPPED = rf"[\s\"'{_INVISIBLE}]*"
_SKIPPED_IN_LINE = rf"(?:[^\S\r\n]|[\"'{_INVISIBLE}])*"
# Where the comma is the decimal sign, a cell of a CSV ends with each semicolon, and its quotation
# marks stand within a cell, which ends with the line. Blanks are passed over once, or a cell of
# line breaks would take minutes.
_BEGIN, _LINE_BEGIN = r"(?:\A|(?<=;))", r"(?<=[\r\n])"
_BEFORE_A_SIGN = rf"(?={_SKIPPED}[{_SIGNS}])"
_BEFORE_A_SIGN_IN_LINE = rf"(?={_SKIPPED_IN_LINE}[{_VISIBLE}\t])"
_FORMULA = re.compile(f"{_BEGIN}{_BEFORE_A_SIGN}|{_LINE_BEGIN}{_BEFORE_A_SIGN_IN_LINE}")
_NEUTRALISED = re.compile(f"{_BEGIN}'{_BEFORE_A_SIGN}|{_LINE_BEGIN}'{_BEFORE_A_SIGN_IN_LINE}")


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet may read `text` as a formula."""
    return bool(_FORMULA.search(text))


def neutralised(text: str) -> str:
    """Return `text` with an apostrophe wherever a spreadsheet may begin a formula."""
    return _FORMULA.sub("'", text)


def as_it_was(text: str) -> str:
    """Return the text of which `neutralised` made `text`."""
    return _NEUTRALISED.sub("", text)
