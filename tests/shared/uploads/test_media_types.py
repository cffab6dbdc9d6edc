import pytest

from shared.uploads import MEDIA_TYPES
from tests.shared.uploads.uploading import CANARY, contents, error

CSV = b"productType,endpoint\ntcp,a:1\n"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "text/plain",
        "application/octet-stream",
        "APPLICATION/X-NDJSON ; Charset=UTF-8",
        'application/jsonl;charset="utf8"; profile=x',
    ],
)
def test_case_blanks_and_harmless_parameters_do_not_matter(content_type: str) -> None:
    """RFC 9110, 8.3.1."""
    assert contents(b'{"name": 1}', content_type) == [{"name": 1}]


@pytest.mark.parametrize("media_type", [one for one in MEDIA_TYPES if not one.startswith("multi")])
def test_every_type_is_read_by_its_content(media_type: str) -> None:
    """What is sent as a workbook can be a table all the same."""
    assert contents(CSV, media_type) == [{"productType": "tcp", "endpoint": "a:1"}]


@pytest.mark.parametrize(
    "content_type", ["", CANARY, "application/xml", "image/png", "json", f"application/{CANARY}"]
)
def test_another_type_is_refused_with_those_there_are(content_type: str) -> None:
    """Who asks gets the answer at once."""
    said = error(b"{}", content_type)

    assert said.kind == "unsupported-media-type"
    assert said.detail == f"Send the upload as one of {', '.join(MEDIA_TYPES)}."


@pytest.mark.parametrize("media_type", ["application/json", "text/csv", "text/plain"])
def test_an_encoding_that_is_not_known_is_refused(media_type: str) -> None:
    """Reading it as UTF-8 would change key pairs."""
    said = error(CSV, f"{media_type}; charset=ebcdic")

    assert said.kind == "unsupported-media-type"
    assert said.detail.startswith("The charset ebcdic is unknown; choose one of UTF-8, ")
