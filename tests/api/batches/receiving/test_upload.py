import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from starlette.requests import Request

from api.batches.receiving.upload import Upload
from shared.uploads import UploadError, Wishes
from shared.uploads.wishes import AS_IT_COMES

ROW = {"productType": "tcp", "endpoint": "127.0.0.1:9000"}


def digest_of(
    content: bytes,
    content_type: str,
    seen: Callable[[Any], object] = id,
    wishes: Wishes = AS_IT_COMES,
) -> bytes:
    """Return the digest of an upload that is read to its end."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def read() -> bytes:
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        upload = Upload(request, content_type, wishes)
        async for row in upload.rows():
            seen(row)
        return upload.digest(strict=False)

    return asyncio.run(read())


def document(long: str, rows: int = 2) -> bytes:
    """Return an upload whose default options have a long text."""
    options = {"tls": {"caCertificate": long}}
    return json.dumps({"options": options, "items": [ROW] * rows}).encode()


def test_a_long_text_counts_for_the_digest() -> None:
    """A request with the same Idempotency-Key and another authority is another request."""
    digests = [digest_of(document(end.rjust(2000, "x")), "application/json") for end in "aab"]

    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_the_digest_of_usual_rows_is_that_of_the_version_before() -> None:
    """A request that is repeated during an upgrade is the same request."""
    before = sha256(repr(("line 1", ROW, None)).encode()).digest()

    assert digest_of(json.dumps(ROW).encode(), "application/x-ndjson") == b"batch 0 " + before


def test_what_is_wished_of_an_upload_counts_for_the_digest() -> None:
    """The same rows as those of another product are another request."""
    upload = json.dumps(ROW).encode()
    wished = (Wishes(), Wishes("zstack"), Wishes(sheet="A"), Wishes(columns={"Host": "endpoint"}))

    digests = {digest_of(upload, "application/x-ndjson", wishes=one) for one in wished}

    assert len(digests) == len(wished)


def test_an_upload_that_cant_be_read_tells_what_was_read_before() -> None:
    """Its sender sees what it was taken for."""
    with pytest.raises(UploadError) as raised:
        digest_of(b"{", "application/json")

    assert raised.value.reading.format == "JSON"


def test_default_options_are_one_object_for_all_rows() -> None:
    """What is found out about 200 KB of them is found out once."""
    seen: list[Any] = []

    digest_of(document("x" * 2000, rows=5), "application/json", seen.append)

    assert len({id(row.content["options"]["tls"]["caCertificate"]) for row in seen}) == 1
