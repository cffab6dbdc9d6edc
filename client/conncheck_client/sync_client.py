"""The client for threads."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
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


class Client:
    """Speaks to one service; use it as a context manager, from as many threads as you like.

    Calls that the service asks to repeat later (429, 503), and those that may be repeated
    without harm after a lost connection, are repeated for `patience_s`.
    """

    def __init__(self, url: str, token: str | SecretStr, **options: Any) -> None:
        secret = token if isinstance(token, SecretStr) else SecretStr(token)
        self._access = ServerAccess(url, secret, **options)
        self._http = httpx.Client(**self._access.options())

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def test(self, request: Request, *, key: str | None = None) -> RemoteJob:
        """Have a platform tested, and return the job when it is over."""
        return self.finished(self.submit(request, key=key).job_id)

    def answer(self, request: Request, *, key: str | None = None) -> Answer:
        """Make the documented call, which says no more than its document."""
        return self._make(calls.answer(request, key))

    def submit(self, request: Request, *, key: str | None = None) -> JobAccepted:
        """Have a platform tested, without waiting; the same `key` never tests twice."""
        return self._make(calls.submit(request, key))

    def job(self, job_id: str, *, wait_s: float = 0) -> RemoteJob:
        """Return the job as it is, or, within `wait_s`, once it has changed."""
        return self._make(calls.job(job_id, wait_s))

    def finished(self, job_id: str) -> RemoteJob:
        """Return the job when it is over."""
        while True:
            job = self.job(job_id, wait_s=POLL_S)
            if job.is_closed:
                return job

    def events(self, job_id: str, *, after: str = "") -> Iterator[JobEvent]:
        """Give what happens to the job, from its beginning or from after the event `after`."""
        return self._events(f"{calls.job_path(job_id)}/events", after, job_event)

    def cancel(self, job_id: str) -> RemoteJob:
        """Have the job end, and return it."""
        return self._make(calls.cancel(job_id))

    def upload(
        self, content: bytes, media_type: str, *, strict: bool = False, key: str | None = None
    ) -> BatchAccepted:
        """Have all platforms of a file tested (text/csv, application/x-ndjson or JSON)."""
        return self._make(calls.upload(content, media_type, strict=strict, key=key))

    def batch(self, batch_id: str) -> BatchView:
        """Return how far the batch is."""
        return self._make(calls.batch(batch_id))

    def batch_events(self, batch_id: str, *, after: str = "") -> Iterator[BatchEvent]:
        """Give how the batch gets on, until it is finished."""
        return self._events(f"{calls.batch_path(batch_id)}/events", after, batch_event)

    def results(self, batch_id: str, **wanted: str) -> Iterator[BatchResult]:
        """Give the results; `wanted` narrows them: outcome, cause, productType."""
        cursor: str | None = "0"
        while cursor is not None:
            page = self._make(calls.results(batch_id, cursor, **wanted))
            yield from page.items
            cursor = page.next_cursor

    def cancel_batch(self, batch_id: str) -> BatchView:
        """Have nothing more of the batch begin, and return it."""
        return self._make(calls.cancel_batch(batch_id))

    def retry_batch(self, batch_id: str) -> RetryAccepted:
        """Have what failed tested again, as a new batch."""
        return self._make(calls.retry_batch(batch_id))

    def ready(self) -> ServerTime:
        """Return for what kinds of tests workers are alive."""
        return self._make(calls.ready())

    def _make(self, call: Call[T]) -> T:
        patience = Patience(self._access.patience_s)
        while True:
            try:
                answer = self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                pause_s: float | None = patience.after_error(error, call)
            else:
                pause_s = patience.after_answer(answer)
                if pause_s is None:
                    return call.result(answer)
            time.sleep(pause_s or 0)

    def _events(self, path: str, after: str, read: Callable[[ServerEvent], T]) -> Iterator[T]:
        """Give events to the last one; where the stream breaks off, it is resumed."""
        stream, parser = event_stream(path), EventParser(after)
        longest_s = self._access.patience_s  # a service that is started anew is waited for
        patience = Patience(longest_s, longest_s)
        while True:
            try:
                for event in self._stream(stream, parser):
                    patience = Patience(longest_s, longest_s)
                    yield read(event)
                    if event.is_last:
                        return
                pause_s = patience.after_error(httpx.ReadError("the stream ended"), stream)
            except httpx.TransportError as error:
                pause_s = patience.after_error(error, stream)
            except ProblemError as error:
                pause_s = patience.after_problem(error)
            time.sleep(pause_s)

    def _stream(self, stream: Call[None], parser: EventParser) -> Iterator[ServerEvent]:
        parser.begin_anew()
        request = stream.request(self._http, **parser.resuming)
        answer = self._http.send(request, stream=True)
        with closing(answer):
            if not answer.is_success:
                answer.read()
                raise problem_of(answer)
            for piece in answer.iter_text():
                yield from parser.feed(piece)
