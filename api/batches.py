"""Take batches, show them, end them, repeat what failed of them."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from api.batches.intake import Intake, TooManyItemsError, new_intake
from shared.wire.batches import (
    BATCHES_PATH,
    BatchAccepted,
    BatchResult,
    BatchView,
    Rejected,
    batch_url,
    cause_group,
    counts,
    no_such_batch,
    pace,
    result,
    shared_fact,
)
from api.access.caller import Caller
from api.batches.feeding.feeder import Feeder
from api.jobs.jobs import Jobs, unavailable
from api.problems import InvalidField, ProblemError
from shared.uploads import Row, UploadError
from shared.store.batches.batch_keys import AT_WORK, BATCH_ID_BYTES, is_batch_id, job_id_of
from shared.batch_store import (
    UNFINISHED_UPLOAD_S,
    Batch,
    BatchGoneError,
    BatchItem,
    BatchState,
    BatchStore,
    NewItem,
)
from shared.endpoint import parse_endpoint
from shared.diagnosis.outcomes import Failed
from shared.queued_job import BULK
from shared.store.batches.item_outcome import settled
from shared.diagnosis.translations import Language

EXAMPLES = 3
MOST_OPEN = 1000
ERRORS_SHOWN = 100

__all__ = ["BATCHES_PATH", "Batches"]


@dataclass(frozen=True, slots=True)
class Batches:
    """Everything it takes to have many platforms tested in one call."""

    store: BatchStore
    jobs: Jobs
    feeder: Feeder
    max_items: int
    deadline_s: float
    longest_upload_s: float = UNFINISHED_UPLOAD_S - 60  # before its first items have gone again

    async def take(self, rows: AsyncIterator[Row], caller: Caller, *, strict: bool) -> Intake:
        """Return what was kept of an upload; nothing of it begins before it is opened.

        Raises:
            ProblemError: 408, 413, 415, 422 or 503; nothing is kept.
            StoreUnreachableError: what is kept goes by itself.
        """
        await self._refuse_if_nothing_works()
        intake = self._new_intake(caller)
        try:
            async with asyncio.timeout(self.longest_upload_s):
                await intake.take(rows, self.max_items)
            self._refuse_if_unfit(intake, strict=strict)
        except BaseException as error:  # noqa: BLE001 -- also where the caller has gone
            await self.store.discard(intake.batch_id)
            raise self._problem(error) from None
        return intake

    async def open(self, intake: Intake) -> None:
        """Have the tests begin."""
        batch = intake.batch(datetime.now(UTC))
        await self.store.open(intake.batch_id, batch, intake.rejected, intake.targets, intake.twins)
        self.feeder.wake()

    async def accepted(self, batch_id: str) -> BatchAccepted:
        """Return what is said of a batch that was taken."""
        state = await self._state(batch_id)
        rejected = await self.store.rejected(batch_id)
        return BatchAccepted(
            batch_id=batch_id,
            accepted=state.batch.total,
            rejected=state.batch.rejected,
            status_url=batch_url(batch_id),
            errors=Rejected.of(rejected[:ERRORS_SHOWN]),
        )

    async def own(self, batch_id: str, caller: str) -> BatchState:
        """Return the caller's own batch.

        Raises:
            ProblemError: 404 for a batch that does not exist, or that is not the caller's.
        """
        state = await self.store.state(batch_id) if is_batch_id(batch_id) else None
        if state is None or state.batch.caller != caller:
            raise no_such_batch()
        return state

    async def view(self, batch_id: str, state: BatchState, language: Language = "en") -> BatchView:
        """Return how far the batch is, and what was found so far."""
        counted = counts(state.letters, await self._waiting_at_work(batch_id, state))
        rate, ends_at = pace(state, counted["queued"] + counted["running"])
        found = await self.store.causes(batch_id, EXAMPLES)
        firsts = await self._items(batch_id, [n for one in found for n in one.first])
        examples = iter(firsts)
        tested = await self._tested(batch_id)
        return BatchView(
            batch_id=batch_id,
            status="finished" if state.finished_at else "running",
            total=state.batch.total,
            **counted,
            rejected=state.batch.rejected,
            rate_per_second=rate,
            estimated_end_at=ends_at,
            created_at=state.batch.created_at,
            began_at=state.began_at,
            finished_at=state.finished_at,
            start_by=state.batch.start_by,
            repeats=state.batch.repeats or None,
            causes=tuple(
                cause_group(
                    state,
                    one,
                    [next(examples) for _ in one.first],
                    [job_id_of(batch_id, tested.get(n, n)) for n in one.first],
                    language,
                )
                for one in found
            ),
            shared_facts=tuple(
                shared_fact(*one, language) for one in await self.store.shared_facts(batch_id)
            ),
            errors=Rejected.of(await self.store.rejected(batch_id)),
        )

    async def results(
        self,
        batch_id: str,
        state: BatchState,
        indexes: Sequence[int],
        language: Language = "en",
    ) -> Sequence[BatchResult]:
        """Return what became of the items at `indexes`, with texts in `language`."""
        tested = await self._tested(batch_id)
        job_ids = [job_id_of(batch_id, tested.get(index, index)) for index in indexes]
        items = await self._items(batch_id, indexes)
        jobs = await self.jobs.store.read_all(job_ids)
        return [
            result(
                index, chr(state.letters[index]), item, job_id, job and job.in_language(language)
            )
            for index, item, job_id, job in zip(indexes, items, job_ids, jobs, strict=True)
        ]

    async def cancel(self, batch_id: str, state: BatchState) -> None:
        """End all tests of the batch that have not begun."""
        await self.store.end_waiting(batch_id, "c")
        # The feeder may have taken some since `state`; those it takes from now on it ends itself.
        state = await self.store.state(batch_id) or state
        await self.jobs.store.close_waiting(_jobs_at_work(batch_id, state))
        await self._settle(batch_id, state)

    async def retry(
        self, batch_id: str, state: BatchState, caller: Caller
    ) -> tuple[str, list[int]]:
        """Test again what failed, was lost or expired; return the new batch's id.

        The second part are the items that can't be: their sealed requests are gone, or they are
        beyond what `caller`, who need not be who sent them, may have tested.

        Raises:
            ProblemError: 409, nothing can be repeated; 503.
        """
        await self._refuse_if_nothing_works()
        failed = [n for n, letter in enumerate(state.letters) if letter in b"fle"]
        tested = await self._tested(batch_id)
        items = await self._items(batch_id, failed)
        sealed = await self.store.sealed(batch_id, [tested.get(n, n) for n in failed])
        targets = await self.store.targets(batch_id)
        again = [
            (n, item, request)
            for n, item, request in zip(failed, items, sealed, strict=True)
            if request and _is_allowed(item, caller)
        ]
        gone = sorted(set(failed) - {n for n, _, _ in again})
        if not again:
            why = "has no failed items"
            if failed:
                none_left = not any(sealed)
                why = "has no sealed requests left" if none_left else "has none that you may test"
            detail = f"Nothing can be repeated: the batch {why}."
            raise ProblemError(HTTPStatus.CONFLICT, detail, kind="nothing-to-repeat")
        new_id = secrets.token_hex(BATCH_ID_BYTES)
        repeated = Batch(
            caller=state.batch.caller,
            token_name=caller.name,
            client=caller.client,
            items_per_minute=caller.items_per_minute,
            created_at=datetime.now(UTC),
            start_by=state.batch.start_by,
            total=len(again),
            rejected=0,
            repeats=batch_id,
        )
        await self._repeat(new_id, repeated, again, targets)
        return new_id, gone

    async def _repeat(
        self,
        new_id: str,
        batch: Batch,
        again: Sequence[tuple[int, BatchItem, str]],
        targets: Sequence[str],
    ) -> None:
        first_of: dict[str, int] = {}
        twins: dict[int, list[int]] = {}
        items: list[NewItem] = []
        for index, (_, item, request) in enumerate(again):
            first = first_of.setdefault(item.sealed_as, index)
            if first != index:
                twins.setdefault(first, []).append(index)
            items.append(NewItem(index, item, request if first == index else ""))
        for begin in range(0, len(items), 500):
            await self.store.add(new_id, items[begin : begin + 500])
        await self.store.open(new_id, batch, [], [targets[n] for n, _, _ in again], twins)
        self.feeder.wake()

    def _new_intake(self, caller: Caller) -> Intake:
        batch_id = secrets.token_hex(BATCH_ID_BYTES)
        return new_intake(batch_id, caller, self.store, self.jobs, self.deadline_s)

    async def _state(self, batch_id: str) -> BatchState:
        state = await self.store.state(batch_id)
        if state is None:
            raise no_such_batch()
        return state

    async def _items(self, batch_id: str, indexes: Sequence[int]) -> Sequence[BatchItem]:
        try:
            return await self.store.items(batch_id, indexes)
        except BatchGoneError:
            raise no_such_batch() from None

    async def _tested(self, batch_id: str) -> Mapping[int, int]:
        """Return for items that are not tested themselves the equal one that is."""
        twins = await self.store.twins(batch_id)
        return {other: first for first, equal in twins.items() for other in equal}

    async def _settle(self, batch_id: str, state: BatchState) -> None:
        """Count what was just closed; the feeder would a moment after the answer."""
        indexes, job_ids = _at_work(state), _jobs_at_work(batch_id, state)
        jobs = await self.jobs.store.read_all(job_ids)
        twins = await self.store.twins(batch_id)
        over = [
            settled([index, *twins.get(index, ())], job)
            for index, job in zip(indexes, jobs, strict=True)
            if job and job.is_closed
        ]
        await self.store.settle(batch_id, over)

    async def _waiting_at_work(self, batch_id: str, state: BatchState) -> int:
        """Return how many items were handed to the queue and have not been begun."""
        places = await self.jobs.store.whereabouts(_jobs_at_work(batch_id, state))
        return Counter(places)["queued"]

    async def _refuse_if_nothing_works(self) -> None:
        if not await self.jobs.store.is_served(BULK):
            raise unavailable("No worker is alive to run batches.", "no-worker")
        if len(await self.store.open_batches()) >= MOST_OPEN:
            raise unavailable(f"{MOST_OPEN} batches are under way already.", "queue-full")

    def _refuse_if_unfit(self, intake: Intake, *, strict: bool) -> None:
        """Refuse an upload without anything to test, or one with a fault that must have none."""
        if intake.targets and not (strict and intake.rejected):
            return
        shown = intake.rejected[:ERRORS_SHOWN]
        errors = [
            InvalidField(field=f"{row.place}: {row.field}".rstrip(": "), reason=row.reason)
            for row in shown
        ]
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{intake.rejected_count} rows are no platform to test; nothing was begun.",
            kind="invalid-rows",
            errors=errors,
        )

    def _problem(self, error: BaseException) -> BaseException:
        """Return what the caller is told."""
        if isinstance(error, TooManyItemsError):
            detail = f"A batch has {self.max_items} items at most."
            return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, kind="too-many-items")
        if isinstance(error, TimeoutError):
            detail = f"The upload must not take longer than {self.longest_upload_s:g} s."
            close = {"Connection": "close"}
            return ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, kind="too-slow", headers=close)
        if isinstance(error, UploadError):
            unsupported = error.kind == "unsupported-media-type"
            status = (
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE
                if unsupported
                else HTTPStatus.UNPROCESSABLE_ENTITY
            )
            return ProblemError(status, error.detail, kind=error.kind)
        return error


def _is_allowed(item: BatchItem, caller: Caller) -> bool:
    """Return whether the caller may have the item's platform tested, as far as its name tells."""
    try:
        caller.policy.check(parse_endpoint(item.endpoint))
    except Failed:
        return False
    return True


def _jobs_at_work(batch_id: str, state: BatchState) -> Sequence[str]:
    return [job_id_of(batch_id, n) for n in _at_work(state)]


def _at_work(state: BatchState) -> Sequence[int]:
    return [n for n, letter in enumerate(state.letters) if letter == AT_WORK[0]]
