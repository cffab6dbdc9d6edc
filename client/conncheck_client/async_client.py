"""The client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from api.batches.routes import RetryAccepted
from shared.wire.batches import BatchAccepted, BatchResult, BatchView
from api.job_views import JobAccepted
from cli.client import calls
from conncheck_client.calls import Call, Request, event_stream
from conncheck_client.connecting import POLL_S, ServerAccess
from conncheck_client.event_stream import EventParser, ServerEvent, batch_event, job_event
from conncheck_client.models.events import BatchEvent, JobEvent, RemoteJob, ServerTime
from conncheck_client.problems import ProblemError, problem_of
from conncheck_client.retries import Patience
from shared.diagnosis.report import Answer

T = TypeVar("T")


class AsyncClient:
    """Speaks to one service; use it as an asynchronous context manager.

    Calls that the service asks to repeat later (429, 503), and those that may be repeated
    without harm after a lost connection, are repeated for `patience_s`.
    """

    def __init__(self, url: str, token: str | SecretStr, **options: Any) -> None:
        secret = token if isinstance(token, SecretStr) else SecretStr(token)
        self._access = ServerAccess(url, secret, **options)
        self._http = httpx.AsyncClient(**self._access.options())

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def test(self, request: Request, *, key: str | None = None) -> RemoteJob:
        """Have a platform tested, and return the job when it is over."""
        return await self.finished((await self.submit(request, key=key)).job_id)

    async def answer(self, request: Request, *, key: str | None = None) -> Answer:
        """Make the documented call, which says no more than its document."""
        return await self._make(calls.answer(request, key))

    async def submit(self, request: Request, *, key: str | None = None) -> JobAccepted:
        """Have a platform tested, without waiting; the same `key` never tests twice."""
        return await self._make(calls.submit(request, key))

    async def job(self, job_id: str, *, wait_s: float = 0) -> RemoteJob:
        """Return the job as it is, or, within `wait_s`, once it has changed."""
        return await self._make(calls.job(job_id, wait_s))

    async def finished(self, job_id: str) -> RemoteJob:
        """Return the job when it is over."""
        while True:
            job = await self.job(job_id, wait_s=POLL_S)
            if job.is_closed:
                return job

    def events(self, job_id: str, *, after: str = "") -> AsyncIterator[JobEvent]:
        """Give what happens to the job, from its beginning or from after the event `after`."""
        return self._events(f"{calls.job_path(job_id)}/events", after, job_event)

    async def cancel(self, job_id: str) -> RemoteJob:
        """Have the job end, and return it."""
        return await self._make(calls.cancel(job_id))

    async def upload(
        self, content: bytes, media_type: str, *, strict: bool = False, key: str | None = None
    ) -> BatchAccepted:
        """Have all platforms of a file tested (text/csv, application/x-ndjson or JSON)."""
        return await self._make(calls.upload(content, media_type, strict=strict, key=key))

    async def batch(self, batch_id: str) -> BatchView:
        """Return how far the batch is."""
        return await self._make(calls.batch(batch_id))

    def batch_events(self, batch_id: str, *, after: str = "") -> AsyncIterator[BatchEvent]:
        """Give how the batch gets on, until it is finished."""
        return self._events(f"{calls.batch_path(batch_id)}/events", after, batch_event)

    async def results(self, batch_id: str, **wanted: str) -> AsyncIterator[BatchResult]:
        """Give the results; `wanted` narrows them: outcome, cause, productType."""
        cursor: str | None = "0"
        while cursor is not None:
            page = await self._make(calls.results(batch_id, cursor, **wanted))
            for one in page.items:
                yield one
            cursor = page.next_cursor

    async def cancel_batch(self, batch_id: str) -> BatchView:
        """Have nothing more of the batch begin, and return it."""
        return await self._make(calls.cancel_batch(batch_id))

    async def retry_batch(self, batch_id: str) -> RetryAccepted:
        """Have what failed tested again, as a new batch."""
        return await self._make(calls.retry_batch(batch_id))

    async def ready(self) -> ServerTime:
        """Return for what kinds of tests workers are alive."""
        return await self._make(calls.ready())

    async def _make(self, call: Call[T]) -> T:
        patience = Patience(self._access.patience_s)
        while True:
            try:
                answer = await self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                pause_s: float | None = patience.after_error(error, call)
            else:
                pause_s = patience.after_answer(answer)
                if pause_s is None:
                    return call.result(answer)
            await asyncio.sleep(pause_s or 0)

    async def _events(
        self, path: str, after: str, read: Callable[[ServerEvent], T]
    ) -> AsyncIterator[T]:
        """Give events to the last one; where the stream breaks off, it is resumed."""
        stream, parser = event_stream(path), EventParser(after)
        longest_s = self._access.patience_s  # a service that is started anew is waited for
        patience = Patience(longest_s, longest_s)
        while True:
            try:
                async for event in self._stream(stream, parser):
                    patience = Patience(longest_s, longest_s)
                    yield read(event)
                    if event.is_last:
                        return
                pause_s = patience.after_error(httpx.ReadError("the stream ended"), stream)
            except httpx.TransportError as error:
                pause_s = patience.after_error(error, stream)
            except ProblemError as error:
                pause_s = patience.after_problem(error)
            await asyncio.sleep(pause_s)

    async def _stream(self, stream: Call[None], parser: EventParser) -> AsyncIterator[ServerEvent]:
        parser.begin_anew()
        request = stream.request(self._http, **parser.resuming)
        answer = await self._http.send(request, stream=True)
        async with aclosing(answer):
            if not answer.is_success:
                await answer.aread()
                raise problem_of(answer)
            async for piece in answer.aiter_text():
                for event in parser.feed(piece):
                    yield event
