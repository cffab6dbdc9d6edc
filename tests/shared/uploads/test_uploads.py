import contextlib
import csv
import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.uploads import MAX_ROW_BYTES, Row, UploadError
from shared.uploads.product_names import product_named
from shared.uploads.tables.cells import trimmed
from tests.shared.uploads.uploading import CSV, CUTS, FORM, JSON, NDJSON, contents, error, read

SITES: list[dict[str, Any]] = [
    {
        "productType": "zstack",
        "endpoint": f"https://10.0.0.{number}:8443",
        "accessKey": f"AKID{number}",
        "secretKey": 'semi;colon, comma, "quotes", Zürich \N{GRINNING FACE}',
        "name": f"Site {number}",
        "ref": "007",
        "options": {"timeoutSeconds": 12.5, "tls": {"verify": False}},
    }
    for number in range(3)
]


def as_json(sites: list[dict[str, Any]]) -> bytes:
    return json.dumps({"items": sites}).encode()


def as_ndjson(sites: list[dict[str, Any]]) -> bytes:
    return "\r\n".join(json.dumps(site, ensure_ascii=False) for site in sites).encode()


def as_csv(sites: list[dict[str, Any]]) -> bytes:
    table = io.StringIO()
    names = [name for name in sites[0] if name != "options"]
    writer = csv.writer(table)
    writer.writerow([*names, "options.timeoutSeconds", "options.tls.verify"])
    for site in sites:
        options = site["options"]
        verify = json.dumps(options["tls"]["verify"])
        writer.writerow([*(site[n] for n in names), options["timeoutSeconds"], verify])
    return table.getvalue().encode()


def as_form(sites: list[dict[str, Any]]) -> bytes:
    head = 'Content-Disposition: form-data; name="file"; filename="sites.ndjson"'
    file = as_ndjson(sites).decode()
    return f"--cut-here\r\n{head}\r\n\r\n{file}\r\n--cut-here--\r\n".encode()


FORMATS = [(as_json, JSON), (as_ndjson, NDJSON), (as_csv, CSV), (as_form, FORM)]


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(("written", "content_type"), FORMATS)
def test_every_format_says_the_same_however_it_is_cut(
    written: Any, content_type: str, size: int
) -> None:
    """The network cuts a body anywhere, also within a character or an escape."""
    assert contents(written(SITES), content_type, size) == SITES


@pytest.mark.parametrize("content_type", [JSON, NDJSON, CSV])
@pytest.mark.parametrize("size", [1, 100])
def test_a_byte_order_mark_is_no_content(content_type: str, size: int) -> None:
    """Windows tools write one."""
    written = {JSON: as_json, NDJSON: as_ndjson, CSV: as_csv}[content_type]

    assert contents(b"\xef\xbb\xbf" + written(SITES), content_type, size) == SITES


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"items": []}', JSON),
        (b"", NDJSON),
        (b"\n \r\n\n", NDJSON),
        (b"", CSV),
        (b"productType,endpoint,accessKey,secretKey\r\n", CSV),
        (b"productType,endpoint,accessKey,secretKey\r\n,,,\r\n\r\n", CSV),
    ],
)
def test_an_upload_without_items_is_refused(body: bytes, content_type: str) -> None:
    """Somebody who uploads the wrong file should hear of it."""
    assert error(body, content_type).detail == "The upload has no rows."


def test_a_row_shows_no_key_pair() -> None:
    """Rows end up in assertion messages and logs."""
    assert "sesame" not in repr(Row("line 2", {"secretKey": "sesame"}))


@pytest.mark.parametrize(("written", "content_type"), FORMATS)
@pytest.mark.parametrize("size", [100, 65_536])
def test_ten_thousand_rows_take_no_time(written: Any, content_type: str, size: int) -> None:
    """Parsing blocks the event loop; it takes a tenth of this where nothing else runs."""
    body = written(SITES * 3334)
    started = time.thread_time()

    assert len(read(body, content_type, size)) == 10_002
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    ("begin", "content_type"),
    [
        (b'{"items": [{"name": "', JSON),
        (b'{"options": {"a": [', JSON),
        (b'{"items": [', JSON),
        (b'{"items": [{}, {"name": "\\ud83d\\ude00', JSON),
        (b'{"name": "', NDJSON),
        (b"productType,endpoint", CSV),
        (b'productType,endpoint,accessKey,secretKey\nzstack,"', CSV),
    ],
)
@pytest.mark.parametrize("filler", [b"a", b" ", b"\\\\", b'""', b"\\n", b"1,", b"\xc3\xa4"])
def test_what_never_ends_is_refused_early_and_at_once(
    begin: bytes, content_type: str, filler: bytes
) -> None:
    """What has no end must cost neither its memory nor quadratic time."""
    endless = begin + (filler * MAX_ROW_BYTES)[: 2 * MAX_ROW_BYTES]
    started = time.thread_time()

    said = error(endless, content_type, 50)

    assert said.kind in {"too-large", "invalid-request"}
    assert time.thread_time() - started < 3


@given(
    st.binary(max_size=200),
    st.sampled_from([JSON, NDJSON, CSV, FORM]),
    st.sampled_from(
        [
            b"",
            b'{"items":[{"a":',
            b'{"options":{},"items":[{',
            b"productType,endpoint,accessKey,secretKey\n",
            b'--cut-here\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n',
        ]
    ),
    st.sampled_from([1, 1000]),
)
def test_no_bytes_make_it_break(tail: bytes, content_type: str, head: bytes, size: int) -> None:
    """Whatever comes, it is rows or an UploadError."""
    with contextlib.suppress(UploadError):
        read(head + tail, content_type, size)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
# Tables trim what is no secret, and read ="text" as that text.
_PLAIN = _TEXT.filter(lambda text: trimmed(text) == text and text[0] != "=")
_SECRET = _TEXT.filter(lambda text: trimmed(text) and text[0] != "=")


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "productType": _PLAIN.filter(lambda text: not product_named(text)[0]),
                "endpoint": _PLAIN.filter(lambda text: ":" not in text),
                "accessKey": _SECRET,
                "secretKey": _SECRET,
                "name": _PLAIN,
                "options": st.fixed_dictionaries(
                    {
                        "timeoutSeconds": st.integers(-999, 999),
                        "tls": st.fixed_dictionaries({"verify": st.booleans()}),
                    }
                ),
            }
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(FORMATS),
    st.integers(1, 50),
)
def test_what_was_written_is_what_is_read(
    sites: list[dict[str, Any]], way: tuple[Any, str], size: int
) -> None:
    """A key pair that arrives changed is a wrong one, and is blamed on the platform."""
    written, content_type = way

    assert contents(written(sites), content_type, size) == sites
