import codecs

import pytest

from shared.uploads import UploadError
from shared.uploads.tables.encodings.charsets import NAMES, charset_named


@pytest.mark.parametrize("name", NAMES)
def test_every_charset_has_a_codec_of_texts(name: str) -> None:
    """Python's codecs also unpack zip and rotate letters."""
    charset = charset_named(f" {name.upper()} ")

    assert charset.name == name
    assert codecs.lookup(charset.codec)._is_text_encoding  # noqa: SLF001 -- no public name
    assert "a,b\n".encode(charset.codec).decode(charset.codec) == "a,b\n"


@pytest.mark.parametrize(
    ("name", "codec"),
    [("gb2312", "gb18030"), ("GBK", "gb18030"), ("cp936", "gb18030"), ("latin1", "cp1252"),
     ("ISO-8859-1", "cp1252"), ("sjis", "cp932"), ("us-ascii", "utf-8"), ("ANSI", "cp1252")],
)  # fmt: skip
def test_the_larger_set_is_read_where_it_is_called_by_the_smaller(name: str, codec: str) -> None:
    """Programs do so, and the Encoding Standard of the web too."""
    assert charset_named(name).codec == codec


@pytest.mark.parametrize(
    "name", ["rot13", "zlib_codec", "hex", "utf-7", "idna", "punycode", "", "x" * 999]
)
def test_no_other_codec_is_used(name: str) -> None:
    """Some of them unpack, and some read other things than texts."""
    with pytest.raises(UploadError) as caught:
        charset_named(name)

    assert caught.value.kind == "unsupported-media-type"
    assert len(caught.value.detail) < 500
