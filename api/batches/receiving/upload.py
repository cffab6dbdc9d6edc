"""The rows of an upload, and their digest."""

from collections.abc import AsyncIterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from fastapi import Request

from shared.uploads import Reading, Row, UploadError, Wishes, rows
from shared.uploads.wishes import AS_IT_COMES

LONG = 1000  # characters; longer texts are digested once, for the default options are in all rows


class Upload:
    """The rows of a request's body, and their digest.

    The body itself has no stable digest: clients send a new form boundary each time.
    """

    def __init__(self, request: Request, content_type: str, wishes: Wishes = AS_IT_COMES) -> None:
        self.wishes = wishes
        self.reading = Reading()
        self._rows = rows(request.stream(), content_type, wishes, self.reading)
        self._digest = sha256()
        # Not for all uploads: a long text may be a secret, and must not outlive the request.
        self._digest_of = lru_cache(maxsize=4)(_digest_of)

    async def rows(self) -> AsyncIterator[Row]:
        """Yield the rows, each of which is part of the digest then.

        Raises:
            UploadError: the rest can't be read; the error tells what was read before.
        """
        try:
            async for row in self._rows:
                self._digest.update(
                    repr((row.place, self._shortened(row.content), _english(row))).encode()
                )
                yield row
        except UploadError as error:
            error.reading = self.reading
            raise

    def digest(self, *, strict: bool) -> bytes:
        """Return what two uploads have in common whose rows and wishes are the same."""
        digest = self._digest.copy()
        if self.wishes != AS_IT_COMES:
            wishes = self.wishes
            named = (wishes.site,) if wishes.site else ()  # the version before knew none
            told = wishes.product_type, wishes.sheet, sorted(wishes.columns.items()), *named
            digest.update(repr(told).encode())
        return b"batch %d " % strict + digest.digest()

    def _shortened(self, value: Any) -> Any:
        """Return `value` with a digest in the place of each long text."""
        if isinstance(value, str):
            return self._digest_of(value) if len(value) > LONG else value
        if isinstance(value, dict):
            return {name: self._shortened(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._shortened(member) for member in value]
        return value


def _english(row: Row) -> str | None:
    """Return what is wrong with a row, in words that are the same in each version."""
    return str(row.problem) if row.problem else None


def _digest_of(text: str) -> bytes:
    """Return the SHA-256 of a text, as bytes: no text of an upload looks like it."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
