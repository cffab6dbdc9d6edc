import json

import pytest
from multipart import MultipartSegment, PushMultipartParser, parse_options_header

from conncheck_client.form import FilePart, form_of


def parts_of(content: bytes, media_type: str) -> list[tuple[MultipartSegment, bytes]]:
    """Return the parts of a form as the service's own library reads them."""
    boundary = parse_options_header(media_type)[1]["boundary"]
    parts: list[tuple[MultipartSegment, bytes]] = []
    with PushMultipartParser(boundary, strict=True) as parser:
        for event in parser.parse(content):
            if isinstance(event, MultipartSegment):
                parts.append((event, b""))
            elif event:
                parts[-1] = parts[-1][0], parts[-1][1] + event
    return parts


def test_the_mapping_comes_before_the_files() -> None:
    """The service reads the files as they arrive, and must know the columns by then."""
    files = [
        FilePart("clouds.yaml", b"clouds: {}\r\n"),
        FilePart("secure.yaml", b"", "text/plain", "gb18030"),
    ]

    parts = parts_of(*form_of(files, {"账号": "accessKey"}))

    assert [part.name for part, _ in parts] == ["mapping", "file", "file"]
    assert json.loads(parts[0][1]) == {"账号": "accessKey"}
    assert [content for _, content in parts[1:]] == [b"clouds: {}\r\n", b""]
    assert [part.filename for part, _ in parts[1:]] == ["clouds.yaml", "secure.yaml"]
    assert [part.charset for part, _ in parts] == [None, None, "gb18030"]


@pytest.mark.parametrize("name", ['a"; name="mapping', "a\r\nContent-Type: text/csv", "名称.csv"])
def test_a_file_name_can_not_leave_its_quotes(name: str) -> None:
    """A file may be called anything, and somebody else may have named it."""
    ((part, content),) = parts_of(*form_of([FilePart(name, b"x")], {}))

    assert (part.name, part.content_type, content) == ("file", "application/octet-stream", b"x")
    assert part.filename
    assert part.filename.startswith(name[:1])


def test_a_file_is_not_shown_with_its_content() -> None:
    """It has secrets, and a message may show what is at hand."""
    assert "hunter2" not in repr(FilePart("p.csv", b"hunter2"))
