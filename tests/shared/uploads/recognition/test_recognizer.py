import contextlib
import json
import time
from itertools import product

import pytest

from shared.uploads import UploadError, Wishes
from shared.uploads.recognition.head import HEAD_BYTES, Head
from shared.uploads.recognition.kinds import kind_of
from tests.shared.uploads.uploading import (
    CANARY,
    CSV,
    CUTS,
    JSON,
    UNTOLD,
    contents,
    error,
    read,
    read_with,
)

TABLE = "productType,endpoint,name\ntcp,10.0.0.1:22,Zürich\n"
PLATFORM = {"productType": "tcp", "endpoint": "10.0.0.1:22", "name": "Zürich"}
DOCUMENT = json.dumps({"items": [PLATFORM]}, ensure_ascii=False)
LIST = "- productType: tcp\n  endpoint: 10.0.0.1:22\n  name: Zürich\n"


@pytest.mark.parametrize("content_type", [UNTOLD, "text/plain", CSV, JSON, "application/yaml"])
@pytest.mark.parametrize("text", [TABLE, DOCUMENT, f"[{DOCUMENT[11:-2]}]", LIST])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_wrong_type_harms_nobody(content_type: str, text: str, encoding: str) -> None:
    """The content tells, in each encoding that shows itself."""
    if content_type in (CSV, JSON) and text is LIST:
        return  # a list of YAML is not certain: see test_kinds
    for size in CUTS:
        assert contents(text.encode(encoding), content_type, size) == [PLATFORM]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["一", "北京一区", "😀"])
def test_utf_16_without_a_mark_may_have_letters_that_end_with_nul(name: str, encoding: str) -> None:
    """U+4E00, the Chinese one, is the most usual of them."""
    table = f"productType,endpoint,name\ntcp,10.0.0.1:22,{name}\n"

    assert contents(table.encode(encoding), UNTOLD) == [PLATFORM | {"name": name}]


def test_the_encoding_that_is_told_counts_for_all_texts() -> None:
    """A command of Windows writes YAML and JSON in it as well."""
    for text in (TABLE, DOCUMENT, LIST):
        content_type = "text/plain; charset=windows-1252"
        rows, reading = read_with(text.encode("cp1252"), content_type)

        assert [row.content for row in rows] == [PLATFORM]
        assert reading.encoding == "windows-1252"


def test_utf_16_that_is_told_needs_no_proof() -> None:
    """A character beyond the first 65,536 has NUL bytes where letters of ASCII have none."""
    text = TABLE.replace("Zürich", "\U0001f600")

    rows, _ = read_with(text.encode("utf-16-le"), "text/csv; charset=UTF-16LE")

    assert [row.content["name"] for row in rows] == ["\U0001f600"]


def test_the_encoding_of_a_part_has_precedence_over_the_wished_one() -> None:
    """It is said of this file."""
    rows, _ = read_with(
        TABLE.encode("cp1252"), "text/csv; charset=cp1252", Wishes(charset="GB18030")
    )

    assert [row.content for row in rows] == [PLATFORM]


@pytest.mark.parametrize("size", [100, 10_000_000])
def test_a_large_upload_is_recognized_by_its_beginning(size: int) -> None:
    """It is read while it arrives, and not held."""
    many = json.dumps({"items": [PLATFORM] * 3000}).encode()

    assert len(many) > 2 * HEAD_BYTES
    assert len(read(many, UNTOLD, size)) == 3000


def test_an_inventory_that_is_too_large_is_refused() -> None:
    """It is held in memory as a whole."""
    said = error(b"clouds:\n" + f"# {CANARY}\n".encode() * 400_000, UNTOLD)

    assert said.detail == "A file of this format must not be larger than 4194304 bytes."
    assert said.kind == "too-large"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("[a]\nb = c\n", "The file is INI, but none of those that are known: rclone.conf, AWS "),
        ("name: a\nb: c\n", "The file is YAML, but none of those that are known: clouds.yaml, "),
        ("clouds:\n---\nscrape_configs: []\n", "The file is YAML, but none of those that are"),
        ('{"clouds": {}, "a": tru}', "the document: is not valid JSON in UTF-8."),
        ('{"clouds": {"a": NaN}}', "the document: is not valid JSON in UTF-8."),
        ('{"clouds": [' + "1," * 300_000 + "1]}", "the document: has more than 250000 members."),
        ('{"clouds": ' + "[" * 100_000, "the document: is not valid JSON in UTF-8."),
        ("---\n", "The upload has no rows."),
        ("clouds:\n  a: {}\n---\n[", "line 5: is not valid YAML."),
    ],
)
def test_a_document_that_is_none_of_the_known_is_refused(text: str, detail: str) -> None:
    """And what is known is named."""
    assert detail in error(text.replace("b", CANARY).encode(), UNTOLD).detail


def test_bytes_that_are_no_utf8_are_refused_with_their_line() -> None:
    """Reading them as something else would change key pairs."""
    said = error(b"clouds:\n  a:\n    x: \xff\xfe" + CANARY.encode(), UNTOLD)

    assert said.detail == "line 3: is not valid UTF-8; save the file in UTF-8."


TOKENS = [
    *(b"a", b" ", b"\n", b"\t", b"[", b"]", b"{", b'"', b":", b"=", b",", b"-", b"<", b"\\", b"\0"),
    *(b"\xff", b"#", b"ansible_", b"export ", b"<Connections ", b"sops:", b"[a]\n", b'{"a":1}\n'),
]


OFTEN_COSTLY = (b"a", b" ", b"\n", b'"', b"<", b"[a]\n")


def test_looking_at_the_beginning_takes_linear_time() -> None:
    """Each upload is looked at, by whoever it is sent."""
    for pair in product(TOKENS, OFTEN_COSTLY):
        content = (b"".join(pair) * HEAD_BYTES)[:HEAD_BYTES]
        started = time.thread_time()
        with contextlib.suppress(UploadError):
            kind_of(Head(content), "")

        assert time.thread_time() - started < 1, pair
