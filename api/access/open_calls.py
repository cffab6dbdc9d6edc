"""Limit how many long calls a tenant has open at this API process.

An open one costs memory of this process, so it is counted here and not in the store: the count ends
with the process, and needs no store to be right.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import Depends, Request

from api.problems import RETRY_AFTER_S, ApiProblemError
from shared.diagnosis.sentences import Sentence

MOST_UPLOADS = 8
"""Of one tenant at a time: what they bring lies in Redis, and no quota counts it yet. A retry reads
and writes as much as an upload."""


@dataclass(frozen=True, slots=True)
class Open:
    """Counts the open calls of one kind, by tenant."""

    most: int
    what: str
    kind: str
    """Of the problem."""
    _count: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one(self, tenant: str) -> Iterator[None]:
        """Count one more while the block runs; one of no tenant's share is not counted.

        Raises:
            ApiProblemError: 429, the tenant has as many as it may.
        """
        if not tenant:
            yield
            return
        if self._count[tenant] >= self.most:
            raise self._too_many()
        self._count[tenant] += 1
        try:
            yield
        finally:
            self._count[tenant] -= 1
            if not self._count[tenant]:
                del self._count[tenant]

    def _too_many(self) -> ApiProblemError:
        return ApiProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            Sentence(
                "Too many {what} of this tenant are open: the limit is {most}. Try again when "
                "one has ended.",
                {"what": self.what, "most": self.most},
            ),
            kind=self.kind,
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """What is open at this process."""

    streams: Open
    uploads: Open

    @classmethod
    def within(cls, most_streams: int) -> Self:
        """Return the counts, each at zero."""
        return cls(
            Open(most_streams, "event streams, downloads and calls that wait", "too-many-streams"),
            Open(MOST_UPLOADS, "uploads and retries", "too-many-uploads"),
        )


async def _open_calls(request: Request) -> OpenCalls:
    calls: OpenCalls = request.app.state.open_calls
    return calls


OpenCallsDep = Annotated[OpenCalls, Depends(_open_calls)]


async def _a_stream(request: Request) -> AsyncIterator[None]:
    with (await _open_calls(request)).streams.one(request.state.caller.share_of):
        yield


async def _an_upload(request: Request) -> AsyncIterator[None]:
    with (await _open_calls(request)).uploads.one(request.state.caller.share_of):
        yield


as_a_stream, as_an_upload = Depends(_a_stream), Depends(_an_upload)
"""Dependencies of such calls: one is open until the last byte of its response is sent."""
