import pytest

from shared.uploads import MEDIA_TYPES
from tests.shared.uploads.uploading import CANARY, contents, error


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "APPLICATION/X-NDJSON ; Charset=UTF-8",
        'application/jsonl;charset="utf8"; profile=x',
    ],
)
def test_case_blanks_and_harmless_parameters_do_not_matter(content_type: str) -> None:
    """RFC 9110, 8.3.1."""
    assert contents(b'{"name": 1}', content_type) == [{"name": 1}]


@pytest.mark.parametrize(
    "content_type", ["", CANARY, "application/xml", "text/plain", "json", f"application/{CANARY}"]
)
def test_another_type_is_refused_with_those_there_are(content_type: str) -> None:
    """Who asks gets the answer at once."""
    said = error(b"{}", content_type)

    assert said.kind == "unsupported-media-type"
    assert said.detail == f"Send the upload as one of {', '.join(MEDIA_TYPES)}."


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize("charset", ["latin-1", '"utf-16"', CANARY])
def test_another_encoding_is_refused(media_type: str, charset: str) -> None:
    """Reading it as UTF-8 would change key pairs."""
    said = error(b"{}", f"{media_type}; boundary=x; charset={charset}")

    assert said.kind == "unsupported-media-type"
    assert said.detail == "Send the upload in UTF-8."
