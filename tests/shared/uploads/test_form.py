import json

import pytest

from shared.uploads import Wishes
from shared.uploads.form import LONGEST_MAPPED, MOST_MAPPED
from tests.shared.uploads.uploading import (
    CANARY,
    CUTS,
    FORM,
    broken,
    contents,
    error,
    part,
    problems,
    read_with,
    together,
)

LINES = b'{"name": 1}\r\n{"name": 2}'
FILE = 'Content-Disposition: form-data; name="anything"; filename="sites.ndjson"'


END = b"--cut-here--\r\n"


@pytest.mark.parametrize(
    "head",
    [
        FILE,
        f"{FILE}\r\nContent-Type: application/x-ndjson",
        f"{FILE}\r\nContent-Type: application/octet-stream",
        f"{FILE}\r\nContent-Type: text/plain; charset=UTF-8",
        FILE.replace("sites.ndjson", "C:\\SITES.JSONL"),
        FILE.replace("sites.ndjson", "sites") + "\r\nContent-Type: application/jsonl",
        FILE.replace("sites.ndjson", "sites.csv") + "\r\nContent-Type: application/jsonl",
        'Content-Disposition: form-data; name="f"\r\nContent-Type: application/x-ndjson',
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_the_type_or_the_name_of_the_file_says_what_it_is(head: str, size: int) -> None:
    """Browsers know few of the types."""
    assert contents(part(head, LINES) + END, FORM, size) == [{"name": 1}, {"name": 2}]


@pytest.mark.parametrize(
    ("name", "media_type", "body"),
    [
        ("s.csv", None, b"productType,endpoint,accessKey,secretKey\nz,h,a,s"),
        (
            "s.csv",
            "application/vnd.ms-excel",
            b"productType;endpoint;accessKey;secretKey\r\nz;h;a;s\r\n",
        ),
        (
            "s.json",
            None,
            b'{"items":[{"productType":"z","endpoint":"h","accessKey":"a","secretKey":"s"}]}',
        ),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_every_format_may_be_the_file(
    name: str, media_type: str | None, body: bytes, size: int
) -> None:
    """Windows with Excel calls a .csv what it opens it with."""
    head = FILE.replace("sites.ndjson", name)
    head += f"\r\nContent-Type: {media_type}" if media_type else ""

    assert contents(part(head, body) + END, FORM, size) == [
        {"productType": "z", "endpoint": "h", "accessKey": "a", "secretKey": "s"}
    ]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is not valid multipart/form-data: the end is missing."),
        (END, "The form contains no file."),
        (
            part('Content-Disposition: form-data; name="options"', CANARY.encode()) + END,
            "The form has a part that is neither a file nor mapping.",
        ),
        (
            part(FILE, LINES) + part(FILE, LINES) + END,
            "Send several files together only if they are of one kind: clouds.yaml + secure.yaml",
        ),
        (
            part(FILE, LINES) + part('Content-Disposition: form-data; name="x"', LINES) + END,
            "The form has a part that is neither a file nor mapping.",
        ),
        (part(FILE, LINES), "The body is not valid multipart/form-data: the end is missing."),
        (part(CANARY, LINES) + END, "The body is not valid multipart/form-data."),
        (part("Content-Disposition: attachment", LINES) + END, "is not valid multipart/form-data."),
        (part("X: " + CANARY * 1000, LINES) + END, "is not valid multipart/form-data."),
        (part("X: 1\r\n" * 100 + FILE, LINES) + END, "is not valid multipart/form-data."),
        (part(f"X: {CANARY}", LINES).replace(b": ", b": \xff") + END, "is not valid multipart"),
        (LINES * 1000, "is not valid multipart/form-data: the end is missing."),
        (part(FILE, b"\n") + END, "The upload has no rows."),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_a_form_that_is_not_one_file_is_refused(body: bytes, detail: str, size: int) -> None:
    """A part that nobody reads would be a wish that silently stays unheard."""
    said = error(body, FORM, size)

    assert detail in said.detail
    assert said.kind == "invalid-request"


@pytest.mark.parametrize(
    "head",
    [
        f"{FILE}\r\nContent-Type: image/png",
        f"{FILE}\r\nContent-Type: {FORM}",
        FILE.replace("sites.ndjson", "sites.pdf"),
        FILE.replace("sites.ndjson", "ndjson"),
        FILE.replace("sites.ndjson", ""),
    ],
)
def test_a_file_of_an_unknown_kind_is_read_by_its_content(head: str) -> None:
    """Browsers call files what their system thinks they are."""
    assert contents(part(head, LINES) + END, FORM) == [{"name": 1}, {"name": 2}]


def test_the_encoding_of_the_part_counts() -> None:
    """The command knows it, and says it there."""
    head = f"{FILE}\r\nContent-Type: text/csv; charset=windows-1252"
    body = part(head, "productType,endpoint,name\ntcp,a:1,Zürich\n".encode("cp1252")) + END

    assert [content["name"] for content in contents(body, FORM)] == ["Zürich"]


MAPPING = 'Content-Disposition: form-data; name="mapping"'
TABLE = "Kind of it,Where,Whose\ntcp,a:1,Alice\n"


def mapping(value: object) -> bytes:
    return part(f"{MAPPING}\r\nContent-Type: application/json", json.dumps(value).encode())


@pytest.mark.parametrize("size", CUTS)
def test_a_mapping_says_what_the_columns_mean(size: int) -> None:
    """It is sent beside the file, because only people know."""
    wished = mapping({"Kind of it": "productType", "2": "endpoint", "Whose": "label.owner"})

    rows, _ = read_with(together(("a.csv", TABLE), before=wished), FORM, size=size)

    assert [row.content for row in rows] == [
        {"productType": "tcp", "endpoint": "a:1", "labels": {"owner": "Alice"}}
    ]


def test_a_mapping_replaces_the_one_of_the_call() -> None:
    """It belongs to the file."""
    wished = mapping({"1": "productType", "2": "endpoint", "3": ""})
    body = together(("a.csv", TABLE), before=wished)

    rows, _ = read_with(body, FORM, Wishes(columns={"Whose": "name"}))

    assert [row.content for row in rows] == [{"productType": "tcp", "endpoint": "a:1"}]


_MAPPED = "The part mapping must be a JSON object with 64 texts at most, such as "


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (together(("a.csv", TABLE), before=mapping([CANARY])), _MAPPED),
        (together(("a.csv", TABLE), before=mapping({CANARY: 1})), _MAPPED),
        (together(("a.csv", TABLE), before=mapping({CANARY: None})), _MAPPED),
        (
            together(
                ("a.csv", TABLE), before=mapping({str(n): "name" for n in range(MOST_MAPPED + 1)})
            ),
            _MAPPED,
        ),
        (together(("a.csv", TABLE), before=mapping({"x" * (LONGEST_MAPPED + 1): ""})), _MAPPED),
        (together(("a.csv", TABLE), before=part(MAPPING, CANARY.encode())), _MAPPED),
        (together(("a.csv", TABLE), before=part(MAPPING, b"[" * 10_000)), _MAPPED),
        (
            together(("a.csv", TABLE), before=part(MAPPING, b" " * 70_000)),
            "The part mapping is longer than 65536 bytes.",
        ),
        (
            together(("a.csv", TABLE), before=mapping({}) * 2),
            "The part mapping must come once, and before the file.",
        ),
        (
            part(FILE, LINES) + mapping({}) + END,
            "The part mapping must come once, and before the file.",
        ),
        (mapping({}) + END, "The form contains no file."),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_a_mapping_that_is_none_is_refused(body: bytes, detail: str, size: int) -> None:
    """A wish that is not understood is not a wish to leave out."""
    assert detail in error(body, FORM, size).detail


CLOUDS = "clouds: {a: {auth: {auth_url: 'http://a', username: u, password: p}}}\n"
TOGETHER = (
    "Send several files together only if they are of one kind: clouds.yaml + secure.yaml, "
    "credentials + config, kubeconfig."
)


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ([("a", TABLE), ("b", CLOUDS)], TOGETHER),
        ([("a", CLOUDS), ("b", TABLE)], TOGETHER),
        ([("a", CLOUDS), ("b", "[default]\nregion = x\n")], TOGETHER),
        ([("a", "scrape_configs: []\n"), ("b", "scrape_configs: []\n")], TOGETHER),
        ([("a", CLOUDS)] * 5, "The form has more than 4 files."),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_files_that_do_not_belong_together_are_refused(
    files: list[tuple[str, str]], detail: str, size: int
) -> None:
    """One of them would be read, and nobody would know which."""
    assert error(together(*files), FORM, size).detail == detail


def test_the_places_are_those_within_the_file() -> None:
    """An editor shows the file, not the form around it."""
    assert problems(part(FILE, b'\n{"name": 1}\n') + END, FORM) == [("line 2", None)]


def test_an_error_within_the_file_is_the_error_of_the_upload() -> None:
    """The rows before it were read, as without a form."""
    head = FILE.replace("ndjson", "json")
    found, said = broken(part(head, b'{"items": [{}, {]}') + END, FORM)

    assert len(found) == 1
    assert said.detail.startswith("items[1]: is not valid JSON")


@pytest.mark.parametrize("boundary", ["", "; boundary=", '; boundary=""', '; boundary="a\nb"'])
def test_a_form_without_a_usable_boundary_is_refused(boundary: str) -> None:
    """Nothing can be found in it."""
    said = error(part(FILE, LINES) + END, f"multipart/form-data{boundary}")

    assert said.detail.endswith("the boundary is not valid.")
