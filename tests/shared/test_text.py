import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import LONGEST_SHOWN, is_hidden, printable

HIDDEN = ["\n", "\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\u2028", "\ufeff", "\ue000", "\ud800"]


@pytest.mark.parametrize("character", HIDDEN, ids=ascii)
def test_a_hidden_character_is_shown_as_a_replacement(character: str) -> None:
    """An escape sequence or a line break from a platform must not forge our log or page."""
    assert is_hidden(character)
    assert printable(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize("text", ["plain", "ZStack 5.2.1", "münchen", "云平台", "a b", "😀"])
def test_visible_text_stays_as_it_is(text: str) -> None:
    """A Chinese error text is worth reading as it was sent."""
    assert printable(text) == text


def test_a_long_text_is_cut_with_a_sign_that_it_was() -> None:
    """A whole page in a sentence would bury the sentence."""
    assert printable("x" * (LONGEST_SHOWN + 1)) == "x" * LONGEST_SHOWN + "…"
    assert printable("x" * LONGEST_SHOWN) == "x" * LONGEST_SHOWN
    assert printable("abcdef", longest=3) == "abc…"


def test_numbers_are_shown_as_text() -> None:
    """Ports and seconds are facts too."""
    assert printable(8080) == "8080"


@given(st.text())
def test_nothing_hidden_is_left_whatever_was_sent(text: str) -> None:
    """One character that slips through is enough to forge a line."""
    shown = printable(text)

    assert not any(is_hidden(character) for character in shown)
    assert len(shown) <= LONGEST_SHOWN + 1
