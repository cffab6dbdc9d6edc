import pytest

from shared.uploads import UploadError
from shared.uploads.workbooks.markup import read_whole
from shared.uploads.workbooks.shared_strings import SharedStrings, unescaped
from tests.shared.uploads.workbooks.crafted import shared_strings
from tests.shared.uploads.workbooks.reading_sheets import DAMAGED, TOO_MUCH


def strings(content: str) -> SharedStrings:
    found = SharedStrings()
    text = shared_strings(content).encode()
    read_whole((text[at : at + 16_384] for at in range(0, len(text), 16_384)), found)
    return found


def test_texts_are_found_by_their_index() -> None:
    """With their blanks, whole where they are in several colours, without phonetic readings."""
    found = strings(
        "<si><t>Zürich</t></si><si/><si><t xml:space='preserve'> a </t></si>"
        "<si><r><t>se</t></r><r><rPr><b/></rPr><t>cret</t></r></si>"
        "<si><t>課</t><rPh><t>カ</t></rPh></si><si><t>\U0001f600</t></si>"
    )

    assert [found.at(str(n)) for n in range(6)] == [
        "Zürich",
        "",
        " a ",
        "secret",
        "課",
        "\U0001f600",
    ]


@pytest.mark.parametrize("index", ["1", "-1", "", "x", "²", "9" * 5000])
def test_an_index_without_a_text_is_damage(index: str) -> None:
    """What was meant can't be told."""
    with pytest.raises(UploadError) as caught:
        strings("<si><t>a</t></si>").at(index)

    assert caught.value.detail == DAMAGED


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("a_x000D_b", "a\rb"),
        ("_x0041_", "A"),
        ("_x005F_x0041_", "_x0041_"),
        ("_xD83D_", "_xD83D_"),
        ("_x41_ _X0041_", "_x41_ _X0041_"),
    ],
)
def test_what_xml_cannot_hold_is_escaped(escaped: str, text: str) -> None:
    """A secret can contain what looks like it."""
    assert unescaped(escaped) == text


@pytest.mark.parametrize(
    "content",
    [
        "<si/>" * 500_001,
        f"<si><t>{'a' * 1000}</t></si>" * 26_000,
        "<si>" + "<r><t>aaaaaaaaaa</t></r>" * 30_000 + "</si>",
    ],
)
def test_more_texts_than_a_table_has_are_refused(content: str) -> None:
    """They are held in memory."""
    with pytest.raises(UploadError) as caught:
        strings(content)

    assert caught.value.detail == TOO_MUCH
