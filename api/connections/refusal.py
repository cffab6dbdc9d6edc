"""Answers to requests that no route ever sees.

They are in English: the fields that say which language is wanted may not have arrived.
"""

from http import HTTPStatus

from api.connections.framing import MOST_BYTES, MOST_FIELDS
from api.problems import ApiProblemError


def _written(status: HTTPStatus, detail: str, kind: str) -> bytes:
    answer = ApiProblemError(status, detail, kind=kind, headers={"Connection": "close"}).response()
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    line = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    return line + fields + b"\r\n" + bytes(answer.body)


TOO_MUCH = _written(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"A request may have {MOST_FIELDS} header fields, and {MOST_BYTES} bytes beside its body.",
    "header-too-large",
)
MALFORMED = _written(HTTPStatus.BAD_REQUEST, "This is not a request of HTTP/1.1.", "malformed")
