"""Decode the body of a response that was compressed although that was not asked for."""

import zlib

_BY_ITSELF = 32 + zlib.MAX_WBITS  # zlib tells the headers of gzip and of zlib apart
_WITHOUT_HEADER = -zlib.MAX_WBITS  # what many servers send as deflate (RFC 9110 8.4.1.2)
_KNOWN = {"gzip": (_BY_ITSELF,), "x-gzip": (_BY_ITSELF,), "deflate": (_BY_ITSELF, _WITHOUT_HEADER)}


def decoded(headers: dict[str, str], body: bytes, most_bytes: int) -> tuple[dict[str, str], bytes]:
    """Return the headers without a Content-Encoding, and the decoded body.

    A transfer coding other than chunked, which the parser has undone, counts as one too.

    A body that cannot be decoded, or not to at most `most_bytes`, is returned as it is, with its
    header: so a bomb of a kilobyte does not become a gigabyte. One that is cut off is decoded as
    far as it goes.
    """
    if (
        "content-encoding" not in headers
        and headers.get("transfer-encoding", "chunked") == "chunked"
    ):
        return headers, body
    named = (headers.get(name, "") for name in ("content-encoding", "transfer-encoding"))
    codings = [coding.strip().lower() for value in named for coding in value.split(",")]
    left = [coding for coding in codings if coding not in ("", "identity", "chunked")]
    others = {name: value for name, value in headers.items() if name != "content-encoding"}
    if not left:
        return others, body
    for kind in _KNOWN.get(left[0], ()) if len(left) == 1 else ():
        content = _unpacked(body, kind, most_bytes)
        if content is not None:
            return others, content
    return {**others, "content-encoding": ", ".join(left)}, body


def _unpacked(body: bytes, kind: int, most_bytes: int) -> bytes | None:
    unpacking = zlib.decompressobj(kind)
    try:
        content = unpacking.decompress(body, most_bytes)
        is_more = unpacking.unconsumed_tail and unpacking.decompress(unpacking.unconsumed_tail, 1)
    except zlib.error:
        return None
    return None if is_more else content
