"""Limit how many event streams and long polls a tenant has open at this API process.

An open one costs memory of this process, so it is counted here and not in the store: the count ends
with the process, and needs no store to be right.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request

from api.problems import RETRY_AFTER_S, ApiProblemError


class OpenStreams:
    """Counts what is open, by tenant."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, tenant: str) -> Iterator[None]:
        """Count one more while the block runs.

        Raises:
            ApiProblemError: 429, the tenant has as many as it may.
        """
        if self._open[tenant] >= self._most:
            raise _too_many(self._most)
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


def _too_many(most: int) -> ApiProblemError:
    return ApiProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too many event streams and long polls of this tenant are open: the limit is {most}. "
        "Close some of them.",
        kind="too-many-streams",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


async def _open_streams(request: Request) -> OpenStreams:
    streams: OpenStreams = request.app.state.streams
    return streams


StreamsDep = Annotated[OpenStreams, Depends(_open_streams)]


async def _a_stream(request: Request, streams: StreamsDep) -> AsyncIterator[None]:
    with streams.one(request.state.caller.tenant):
        yield


as_a_stream = Depends(_a_stream)
"""The dependency of a call that streams: it is open until the last byte is sent."""
