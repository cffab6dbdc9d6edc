import pytest

from tests.shared.uploads.uploading import CANARY, CUTS, FORM, broken, contents, error, problems

LINES = b'{"name": 1}\r\n{"name": 2}'
FILE = 'Content-Disposition: form-data; name="anything"; filename="sites.ndjson"'


def part(head: str, body: bytes = LINES) -> bytes:
    return b"--cut-here\r\n%s\r\n\r\n%s\r\n" % (head.encode(), body)


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
    assert contents(part(head) + END, FORM, size) == [{"name": 1}, {"name": 2}]


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
            "The first part of the form is not a file; send only one file.",
        ),
        (part(FILE) + part(FILE) + END, "The form has more than one part; send only one"),
        (
            part(FILE) + part('Content-Disposition: form-data; name="x"') + END,
            "The form has more than one part; send only one file.",
        ),
        (part(FILE), "The body is not valid multipart/form-data: the end is missing."),
        (part(CANARY) + END, "The body is not valid multipart/form-data."),
        (part("Content-Disposition: attachment") + END, "is not valid multipart/form-data."),
        (part("X: " + CANARY * 1000) + END, "is not valid multipart/form-data."),
        (part("X: 1\r\n" * 100 + FILE) + END, "is not valid multipart/form-data."),
        (part(f"X: {CANARY}").replace(b": ", b": \xff") + END, "is not valid multipart"),
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
        f"{FILE}\r\nContent-Type: application/x-ndjson; charset=latin-1",
    ],
)
def test_a_file_of_an_unknown_kind_is_refused(head: str) -> None:
    """Guessing from the content is how a table becomes a wrong one."""
    assert error(part(head) + END, FORM).kind == "unsupported-media-type"


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
    said = error(part(FILE) + END, f"multipart/form-data{boundary}")

    assert said.detail.endswith("the boundary is not valid.")
