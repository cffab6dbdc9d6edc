"""The client for asyncio."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import httpx
from pydantic import SecretStr

from conncheck_client import calls, upload_calls
from conncheck_client.calls import Call, Page, TableForm, event_stream
from conncheck_client.connecting import POLL_S, Language, ServerAccess
from conncheck_client.event_stream import (
    CLOSED,
    OVER,
    EventParser,
    ServerEvent,
    batch_event,
    comparison_event,
    job_event,
)
from conncheck_client.models.batches import (
    Batch,
    BatchAccepted,
    BatchResult,
    BatchStatus,
    BatchSummary,
    ItemStatus,
    ResultSort,
    RetryAccepted,
)
from conncheck_client.models.comparisons import Comparison, ComparisonAccepted, SignIn
from conncheck_client.models.events import BatchEvent, ComparisonEvent, JobEvent, ServerTime
from conncheck_client.models.inspections import Inspection
from conncheck_client.models.jobs import Answer, Job, JobAccepted, JobSummary
from conncheck_client.models.platforms import BatchRowLike, InspectionLike, PlatformLike
from conncheck_client.models.product_types import ProductType
from conncheck_client.models.sites import Site
from conncheck_client.models.uploads import DryRun
from conncheck_client.problems import ProblemError, problem_of
from conncheck_client.retries import PATIENCE_S, Patience
from conncheck_client.upload_calls import TableFile, Upload

T = TypeVar("T")
_NO_MAPPING: Mapping[str, str] = {}


async def _rest(pause_s: float) -> None:
    import asyncio  # here, so that who takes `Client` alone does not load it

    await asyncio.sleep(pause_s)


class AsyncClient:
    """Speaks to one service; use it as an asynchronous context manager.

    Calls that the service asks to repeat later (429, 503) are repeated for `patience_s`, calls
    that get no answer for three seconds, unless they could then count twice; a broken stream is
    resumed for `patience_s`. Texts are in `language`; `ca_file` has PEM certificates of authorities
    to trust instead of the public ones.
    """

    def __init__(
        self,
        url: str,
        token: str | SecretStr,
        *,
        language: Language = "en",
        ca_file: Path | str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        secret = token if isinstance(token, SecretStr) else SecretStr(token)
        self._access = ServerAccess(url, secret, language, ca_file, patience_s)
        self._http = httpx.AsyncClient(**self._access.options())

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def test(self, platform: PlatformLike, *, key: str | None = None) -> Job:
        """Test a platform, and return the job when it is over."""
        return await self.finished((await self.submit(platform, key=key)).job_id)

    async def answer(self, platform: PlatformLike, *, key: str | None = None) -> Answer:
        """Make the documented call, whose answer has no detail."""
        return await self._make(calls.answer(platform, key))

    async def submit(self, platform: PlatformLike, *, key: str | None = None) -> JobAccepted:
        """Start to test a platform; the same `key` never tests twice."""
        return await self._make(calls.submit(platform, key))

    async def job(self, job_id: str, *, wait_s: float = 0) -> Job:
        """Return the job as it is, or, within `wait_s`, once it has changed."""
        return await self._make(calls.job(job_id, wait_s))

    async def finished(self, job_id: str) -> Job:
        """Return the job when it is over."""
        while True:
            job = await self.job(job_id, wait_s=POLL_S)
            if job.is_closed:
                return job

    def events(self, job_id: str, *, after: str = "") -> AsyncIterator[JobEvent]:
        """Give what happens to the job, from its beginning or from after the event `after`."""
        return self._events(f"{calls.job_path(job_id)}/events", after, job_event)

    def jobs(
        self,
        *,
        product_type: str | None = None,
        endpoint: str | None = None,
        cause: str | None = None,
        outcome: ItemStatus | Literal["warning"] | None = None,
        site: str | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[JobSummary]:
        """Give the tenant's own jobs, newest first, all or those that match.

        `since` needs a time zone. Tests of a batch's items are in `results`.
        """
        wanted = {
            "productType": product_type,
            "endpoint": endpoint,
            "cause": cause,
            "outcome": outcome,
            "site": site,
            "since": since.isoformat() if since else None,
        }
        return self._items(partial(calls.jobs, wanted))

    async def cancel(self, job_id: str) -> Job:
        """Cancel the job, and return it."""
        return await self._make(calls.cancel(job_id))

    async def compare(
        self,
        platform: PlatformLike,
        sites: Iterable[str],
        *,
        sign_in: SignIn = "first",
        key: str | None = None,
    ) -> Comparison:
        """Test a platform from several sites, and return the comparison when it is over."""
        accepted = await self.submit_comparison(platform, sites, sign_in=sign_in, key=key)
        return await self.finished_comparison(accepted.comparison_id)

    async def submit_comparison(
        self,
        platform: PlatformLike,
        sites: Iterable[str],
        *,
        sign_in: SignIn = "first",
        key: str | None = None,
    ) -> ComparisonAccepted:
        """Start to test a platform from several sites; the same `key` never tests twice."""
        return await self._make(calls.submit_comparison(platform, sites, sign_in, key))

    async def comparison(self, comparison_id: str, *, wait_s: float = 0) -> Comparison:
        """Return the comparison as it is, or, within `wait_s`, once it has changed."""
        return await self._make(calls.comparison(comparison_id, wait_s))

    async def finished_comparison(self, comparison_id: str) -> Comparison:
        """Return the comparison when it is over."""
        while True:
            comparison = await self.comparison(comparison_id, wait_s=POLL_S)
            if comparison.is_over:
                return comparison

    def comparison_events(
        self, comparison_id: str, *, after: str = ""
    ) -> AsyncIterator[ComparisonEvent]:
        """Give what happens at all sites; the last event has the whole comparison."""
        path = f"{calls.comparison_path(comparison_id)}/events"
        return self._events(path, after, comparison_event, last=OVER)

    async def cancel_comparison(self, comparison_id: str) -> Comparison:
        """Cancel the tests of a comparison, and return it."""
        return await self._make(calls.cancel_comparison(comparison_id))

    async def submit_batch(
        self, rows: Iterable[BatchRowLike], *, strict: bool = False, key: str | None = None
    ) -> BatchAccepted:
        """Start to test many platforms; with `strict`, none where a row is invalid."""
        return await self._make(upload_calls.submit_batch(rows, strict=strict, key=key))

    async def upload(
        self,
        content: bytes,
        media_type: str,
        *,
        strict: bool = False,
        key: str | None = None,
        mapping: Mapping[str, str] = _NO_MAPPING,
        sheet: str = "",
        product_type: str = "",
        site: str = "",
    ) -> BatchAccepted:
        """Test all platforms of a file; `dry_run` says before what it would test.

        `mapping` names the fields of columns by their headers, or by their numbers from 1;
        `product_type` and `site` are those of rows without one; `sheet` is read instead of the
        first one.
        """
        file = Upload(content, media_type, mapping, sheet, product_type, site)
        return await self._make(upload_calls.upload(file, strict=strict, key=key))

    async def dry_run(
        self,
        content: bytes,
        media_type: str,
        *,
        mapping: Mapping[str, str] = _NO_MAPPING,
        sheet: str = "",
        product_type: str = "",
        site: str = "",
    ) -> DryRun:
        """Say what an upload of this file would test; nothing is stored or tested."""
        file = Upload(content, media_type, mapping, sheet, product_type, site)
        return await self._make(upload_calls.dry_run(file))

    async def invalid_rows(
        self,
        content: bytes,
        media_type: str,
        *,
        form: TableFile = "csv",
        mapping: Mapping[str, str] = _NO_MAPPING,
        sheet: str = "",
        product_type: str = "",
        site: str = "",
    ) -> bytes:
        """Return the first 1,000 invalid rows of a file as a table, to be mended and sent again.

        It has the columns of the file, with its secrets, and one that says what is wrong.
        """
        file = Upload(content, media_type, mapping, sheet, product_type, site)
        return await self._make(upload_calls.invalid_rows(file, form))

    async def template(self, form: TableFile = "csv") -> bytes:
        """Return a table to be filled in and uploaded, in the client's language."""
        return await self._make(upload_calls.template(form))

    async def batch(self, batch_id: str) -> Batch:
        """Return how far the batch is."""
        return await self._make(calls.batch(batch_id))

    async def finished_batch(self, batch_id: str) -> Batch:
        """Return the batch when it is finished."""
        async for _ in self.batch_events(batch_id):
            pass
        return await self.batch(batch_id)

    def batch_events(self, batch_id: str, *, after: str = "") -> AsyncIterator[BatchEvent]:
        """Give the progress of the batch, until it is finished."""
        return self._events(f"{calls.batch_path(batch_id)}/events", after, batch_event)

    def batches(
        self, *, status: BatchStatus | None = None, since: datetime | None = None
    ) -> AsyncIterator[BatchSummary]:
        """Give the tenant's own batches, newest first; `since` needs a time zone."""
        wanted = {"status": status, "since": since.isoformat() if since else None}
        return self._items(partial(calls.batches, wanted))

    def results(
        self,
        batch_id: str,
        *,
        outcome: ItemStatus | Literal["warning"] | None = None,
        cause: str | None = None,
        product_type: str | None = None,
        labels: Mapping[str, str] | None = None,
        refs: Iterable[str] = (),
        site: str | None = None,
        sort: ResultSort | None = None,
    ) -> AsyncIterator[BatchResult]:
        """Give the results, all or those that match all conditions; they match one of `refs`.

        Without `sort`, they come in the order of the upload; `-name` sorts in descending order.
        """
        wanted = calls.choice(outcome, cause, product_type, labels, refs, site)
        return self._items(lambda cursor: calls.results(batch_id, cursor or "0", wanted, sort))

    async def results_table(
        self,
        batch_id: str,
        form: TableForm = "csv",
        *,
        outcome: ItemStatus | Literal["warning"] | None = None,
        cause: str | None = None,
        product_type: str | None = None,
        labels: Mapping[str, str] | None = None,
        refs: Iterable[str] = (),
        site: str | None = None,
        sort: ResultSort | None = None,
    ) -> bytes:
        """Return the results as a file: the columns of the upload, and the verdict behind them.

        All of them, or those that match, as `results` does; without a condition, the invalid rows
        stand in their places.
        """
        wanted = calls.choice(outcome, cause, product_type, labels, refs, site)
        return await self._make(calls.results_table(batch_id, form, wanted, sort))

    async def cancel_batch(self, batch_id: str) -> Batch:
        """End what has not begun of the batch, and return it."""
        return await self._make(calls.cancel_batch(batch_id))

    async def retry_batch(
        self,
        batch_id: str,
        *,
        outcome: ItemStatus | None = None,
        cause: str | None = None,
        product_type: str | None = None,
        labels: Mapping[str, str] | None = None,
        refs: Iterable[str] = (),
        site: str | None = None,
    ) -> RetryAccepted:
        """Test again what failed, all or what matches all conditions, as a new batch."""
        wanted = calls.choice(outcome, cause, product_type, labels, refs, site)
        return await self._make(calls.retry_batch(batch_id, wanted))

    async def inspect(self, request: InspectionLike, *, key: str | None = None) -> Inspection:
        """Return the certificates of a host, and whether a test would trust them."""
        return await self._make(calls.inspect(request, key))

    async def product_types(self) -> tuple[ProductType, ...]:
        """Return what can be tested."""
        return (await self._make(calls.product_types())).items

    async def sites(self) -> tuple[Site, ...]:
        """Return the sites that the token may test from, as they are now."""
        return (await self._make(calls.sites())).items

    async def ready(self) -> ServerTime:
        """Return which kinds of tests the service can make."""
        return await self._make(calls.ready())

    async def _items(self, page_at: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]:
        """Give what is in a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self._make(page_at(cursor))
            for one in page.items:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

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
            await _rest(pause_s or 0)

    async def _events(
        self, path: str, after: str, read: Callable[[ServerEvent], T], last: str = CLOSED
    ) -> AsyncIterator[T]:
        """Give events up to the `last` one; where the stream breaks off, it is resumed."""
        stream, parser = event_stream(path), EventParser(after)
        longest_s = self._access.patience_s  # a service that is started anew is waited for
        patience = Patience(longest_s, longest_s)
        while True:
            try:
                async for event in self._stream(stream, parser):
                    patience = Patience(longest_s, longest_s)
                    yield read(event)
                    if event.kind == last:
                        return
            except httpx.TransportError as error:
                pause_s = patience.after_error(error, stream)
            except ProblemError as error:
                pause_s = patience.after_problem(error)
            await _rest(pause_s)

    async def _stream(self, stream: Call[None], parser: EventParser) -> AsyncIterator[ServerEvent]:
        """Give events as they come; it is for the reader to stop at the last one.

        Raises:
            httpx.TransportError: the stream broke off.
        """
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
        raise httpx.ReadError("the stream ended", request=request)
