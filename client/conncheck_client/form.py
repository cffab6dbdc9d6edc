"""Write files into a form (RFC 7578), as they are uploaded."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_UNSAFE = re.compile(r'["\r\n]')
_LINE_ENDS = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of the form; `charset` is what its sender says about its encoding."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"
    charset: str = ""


def form_of(files: Sequence[FilePart], mapping: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the form's content, and its media type with the boundary.

    The mapping comes first, because the service reads the files as they arrive.
    """
    boundary = secrets.token_hex(16)
    parts = b"".join(_parts(files, mapping, f"--{boundary}\r\n"))
    return parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _parts(
    files: Sequence[FilePart], mapping: Mapping[str, str], delimiter: str
) -> Iterator[bytes]:
    if mapping:
        yield _head(delimiter, 'name="mapping"', "application/json")
        yield json.dumps(dict(mapping)).encode() + b"\r\n"
    for file in files:
        media_type = file.media_type + (f"; charset={file.charset}" if file.charset else "")
        yield _head(delimiter, f'name="file"; filename="{_quoted(file.name)}"', media_type)
        yield file.content
        yield b"\r\n"


def _head(delimiter: str, disposition: str, media_type: str) -> bytes:
    kind = _LINE_ENDS.sub("", media_type)
    lines = f"Content-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\n\r\n"
    return (delimiter + lines).encode()


def _quoted(name: str) -> str:
    """Return a file's name as browsers write it into a form."""
    name = name.encode(errors="replace").decode()
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
