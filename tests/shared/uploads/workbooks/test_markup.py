from collections.abc import Iterator
from xml.sax.xmlreader import AttributesImpl

import pytest

from shared.uploads import MAX_ROW_BYTES, UploadError
from shared.uploads.workbooks.markup import Markup, read_markup, read_whole
from tests.shared.uploads.uploading import CANARY
from tests.shared.uploads.workbooks.reading_sheets import DAMAGED, TOO_MUCH

BOMB = (
    '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]><b>&a9;</b>"
)


class Counted(Markup):
    """Takes the texts of elements `t`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self.texts: list[str] = []

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Listen to a `t`."""
        self.opened += 1
        if name == "t":
            self.listen()

    def close(self, name: str) -> None:
        """Take its text."""
        if name == "t":
            self.texts.append(self.heard())


def cut(text: str, size: int = 16_384) -> Iterator[bytes]:
    content = text.encode()
    return (content[begin : begin + size] for begin in range(0, len(content), size))


def read(text: str) -> Counted:
    markup = Counted()
    read_whole(cut(text), markup)
    return markup


def refusal(text: str, most_opened: int) -> str:
    """Return why XML is refused, after no more than `most_opened` elements."""
    markup = Counted()
    with pytest.raises(UploadError) as caught:
        read_whole(cut(text), markup)
    said = caught.value
    assert CANARY not in f"{said!r} {said.__cause__!r} {said.__context__!r}"
    assert markup.opened <= most_opened
    return said.detail


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_texts_are_heard_however_they_are_cut(size: int) -> None:
    """A piece ends anywhere, in a character too."""
    markup = Counted()
    read_whole(cut("<x:a><x:t>Zürich &amp; 名称</x:t><t/></x:a>", size), markup)

    assert markup.texts == ["Zürich & 名称", ""]


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        f'<!DOCTYPE b [<!ENTITY a "{CANARY}">]><b>&a;</b>',
        '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><b>&a;</b>',
        '<!DOCTYPE b [<!ENTITY % a SYSTEM "http://127.0.0.1:1/">%a;]><b/>',
        '<!DOCTYPE b SYSTEM "http://127.0.0.1:1/"><b/>',
        "<!DOCTYPE b><b/>",
    ],
)
def test_a_document_type_is_refused(text: str) -> None:
    """Billion laughs and external entities begin with one; workbooks have none."""
    assert refusal(text, most_opened=0) == DAMAGED


@pytest.mark.parametrize("text", ["", CANARY, "<a>", f"<a>{CANARY}</b>", "<a/><b/>", "<a>\0</a>"])
def test_what_is_no_xml_is_damaged(text: str) -> None:
    """The parser's message quotes it."""
    assert refusal(text, most_opened=1) == DAMAGED


def test_an_unknown_encoding_is_damage() -> None:
    """Workbooks are in UTF-8."""
    assert refusal(f'<?xml version="1.0" encoding="{CANARY}"?><a/>', most_opened=0) == DAMAGED


def test_a_text_without_an_end_is_refused() -> None:
    """The cell of 64 MB."""
    assert refusal(f"<t>{'a' * (2 * MAX_ROW_BYTES)}", most_opened=1) == TOO_MUCH


@pytest.mark.parametrize("begin", ["<!-- ", "<a ", "<?a ", '<a b="'])
def test_a_token_without_an_end_is_refused(begin: str) -> None:
    """The parser holds it until it ends."""
    assert refusal(f"<a>{begin}{'a' * 1_000_000}", most_opened=1) == TOO_MUCH


@pytest.mark.parametrize("filler", ["<a/>", "<a></a>", "<?a?>", '<a b="" c="" d=""/>'])
def test_elements_without_a_use_are_refused(filler: str) -> None:
    """A second of work is enough."""
    assert refusal(f"<a>{filler * 600_000}</a>", most_opened=500_001) == TOO_MUCH


def test_depth_is_bounded() -> None:
    """The parser holds the names of all open elements."""
    assert refusal("<a>" * 100_000, most_opened=257) == TOO_MUCH


def test_silence_is_bounded() -> None:
    """Blanks and comments are read in vain as well."""
    assert refusal(f"<a>{' ' * 40_000_000}</a>", most_opened=1) == TOO_MUCH


def test_what_was_found_pays_for_the_work() -> None:
    """A large table is no attack."""

    class Rows(Counted):
        def close(self, name: str) -> None:
            super().close(name)
            self.earned(10)

    markup = Rows()
    read_whole(cut(f"<a>{'<t>1</t>' * 600_000}</a>"), markup)

    assert len(markup.texts) == 600_000


def test_it_parses_no_further_than_it_must() -> None:
    """What stands behind the cells doesn't matter, but its checksum does."""

    class First(Counted):
        def close(self, name: str) -> None:
            self.is_done = True

    markup = First()
    pieces = cut("<a><b/>" + "<c/>" * 100_000 + "<")
    steps = [*read_markup(pieces, markup)]

    assert markup.opened == 2
    assert len(steps) == 1
    assert not [*pieces]
