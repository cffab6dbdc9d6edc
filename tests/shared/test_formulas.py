# ruff: noqa: RUF001 -- the full-width signs are what Excel reads as formulas
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.formulas import as_it_was, is_formula, neutralised

ATTACKS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=cmd|'/c calc'!A1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    " =1",
    "\u3000＝1",
    '"=1',
    "'=1",
    "\u200b=1",
    "\ufeff＝1",
    "\u202e=1",
    "\0=1",
    "﹦1",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_begins_a_formula(text: str) -> None:
    """Who opens a table must not run what somebody wrote into a name."""
    assert is_formula(text)
    assert neutralised(text).replace("\r'=", "\r=") == f"'{text}"


@pytest.mark.parametrize("text", ATTACKS)
def test_no_part_behind_a_semicolon_begins_a_formula(text: str) -> None:
    """Where the comma is the decimal sign, a semicolon ends the cell."""
    assert neutralised(f"site;{text}").replace("\r'=", "\r=") == f"site;'{text}"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_no_line_within_a_cell_begins_a_formula(end: str) -> None:
    """There, the quotation mark before the cell is one of its characters, and the line ends it."""
    assert neutralised(f"a{end}=HYPERLINK(1);b") == f"a{end}'=HYPERLINK(1);b"
    assert neutralised(f'a{end}{end} "＝1') == f"a{end}{end}' \"＝1"
    assert neutralised(f"a{end}b") == f"a{end}b"


@pytest.mark.parametrize("text", ["", "site", "10.0.0.5:443", "a=b", "a - b", "名称", "a;b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """An apostrophe that nobody wrote is in the way of who looks for the name."""
    assert not is_formula(text)
    assert neutralised(text) == text


@given(st.text(st.sampled_from("=+@-＝ '\";a\t\r\n\0\u200b")) | st.text())
def test_what_was_neutralised_can_be_read_back(text: str) -> None:
    """A table that is mended and sent again holds the secrets that it held."""
    assert as_it_was(neutralised(text)) == text


def test_long_texts_take_no_time() -> None:
    """Names come from callers."""
    started = time.thread_time()

    for filler in (";", "; ", "'", " ", ";'", "\t", "\n", "\r", "\n "):
        neutralised(filler * 100_000 + "x")

    assert time.thread_time() - started < 2
