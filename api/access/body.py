"""Limit the bodies of requests while they arrive."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from api.problems import ApiProblemError, invalid_request
from shared.bounds import TOO_MANY_MEMBERS
from shared.diagnosis.sentences import Sentence

PATIENCE_S = 20.0  # for a body to arrive; each SLOWEST bytes of it are good for a second more
SLOWEST = 4096  # bytes a second
_CLOSE = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class AdmittedBody:
    """The media types, the size and the members that a body may have, and its time."""

    media_types: Sequence[str]
    max_bytes: int
    max_commas: int | None = None
    patience_s: float = PATIENCE_S

    def look_at(self, headers: Headers) -> None:
        """Look at what the headers say of the body.

        Raises:
            ApiProblemError: 413 or 415.
        """
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in self.media_types:
            raise ApiProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                Sentence(
                    "Send the body with one of these Content-Types: {types}.",
                    {"types": tuple(self.media_types)},
                ),
                kind="unsupported-media-type",
                headers={"Accept": ", ".join(self.media_types)},
            )
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > self.max_bytes:
            raise self.too_large()

    def limiting(self, receive: Receive) -> Receive:
        """Return a `receive` that raises ApiProblemError, 408, 413 or 422, beyond the limits."""
        return _Arriving(self, receive).next

    def too_large(self) -> ApiProblemError:
        """Return the problem for a body of more than `max_bytes`."""
        return ApiProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            Sentence("The body must not be larger than {most} bytes.", {"most": self.max_bytes}),
            kind="too-large",
            headers=_CLOSE,
        )


class _Arriving:
    """A body that arrives. What the application does in between takes none of its time."""

    def __init__(self, admitted: AdmittedBody, receive: Receive) -> None:
        self._admitted = admitted
        self._receive = receive
        self._left_s = admitted.patience_s
        self._bytes = self._commas = 0
        self._is_whole = False

    async def next(self) -> Message:
        if self._is_whole:  # what comes is that the caller has gone, at any time
            return await self._receive()
        message = await self._in_time()
        body: bytes = message.get("body", b"")
        self._is_whole = not message.get("more_body", False)
        self._bytes += len(body)
        if self._bytes > self._admitted.max_bytes:
            raise self._admitted.too_large()
        most = self._admitted.max_commas
        if most is not None:
            self._commas += body.count(b",")
            if self._commas > most:
                raise _too_many_members()
        return message

    async def _in_time(self) -> Message:
        begun_s = time.monotonic()
        try:
            async with asyncio.timeout(self._left_s):
                message = await self._receive()
        except TimeoutError:
            raise _too_slow() from None
        self._left_s -= time.monotonic() - begun_s
        self._left_s += len(message.get("body", b"")) / SLOWEST
        self._left_s = min(self._left_s, self._admitted.patience_s)
        return message


def _too_many_members() -> ApiProblemError:
    problem = invalid_request(
        [{"type": "invalid", "loc": ("body",), "ctx": {"problem": TOO_MANY_MEMBERS}}]
    )
    problem.headers |= _CLOSE
    return problem


def _too_slow() -> ApiProblemError:
    detail = Sentence(
        "The body took too long: send {least} bytes or more each second.", {"least": SLOWEST}
    )
    return ApiProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, kind="too-slow", headers=_CLOSE)
