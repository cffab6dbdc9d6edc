"""Look at a batch once for all who watch it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from api.batches.reader import BatchReader
from shared.store.batches.batch import BatchProgress
from shared.store.batches.batch_keys import batch_key
from shared.store.jobs.job_watch import JobWatch, look_after, look_until_back

REST_S = 0.5  # between two looks: a batch changes a hundred times per second
LOOK_AGAIN_S = 2.0  # items may have begun without an announcement


@dataclass(slots=True, eq=False)
class Watched:
    """A batch that is looked at, and how far it was at the last look."""

    watchers: int = 0
    looking: asyncio.Task[None] | None = None
    _latest: BatchProgress | None = None
    _error: BaseException | None = None
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    async def after(self, known: BatchProgress | None) -> BatchProgress:
        """Return how far the batch is, once that is another look's result than `known`.

        Raises:
            BatchGoneError, NoSuchBatchError: it expires.
        """
        while self._latest is None or self._latest is known:
            if self._error:
                raise self._error
            await self._told.wait()
        return self._latest

    def tell(self, latest: BatchProgress) -> None:
        """Wake all watchers."""
        self._latest = latest
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Tell all watchers that nothing more follows."""
        self._error = error
        self._wake()

    async def end(self) -> None:
        """Look no more."""
        if self.looking:
            self.looking.cancel()
            await asyncio.gather(self.looking, return_exceptions=True)

    def _wake(self) -> None:
        self._told.set()
        self._told = asyncio.Event()


@dataclass(frozen=True, slots=True)
class BatchWatch:
    """The batches that are watched: a hundred streams of one batch cost what one does."""

    _reader: BatchReader
    _watch: JobWatch
    _watched: dict[str, Watched] = field(default_factory=dict)

    @asynccontextmanager
    async def of(self, batch_id: str) -> AsyncIterator[Watched]:
        """Give a batch that is looked at while the block runs."""
        watched = self._watched.get(batch_id)
        if watched is None:
            watched = self._watched[batch_id] = Watched()
            watched.looking = asyncio.create_task(self._look(batch_id, watched))
        watched.watchers += 1
        try:
            yield watched
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                del self._watched[batch_id]
                await watched.end()

    async def _look(self, batch_id: str, watched: Watched) -> None:
        """Look whenever the batch has changed, until it is finished."""
        look = partial(look_until_back, partial(self._reader.progress, batch_id))
        try:
            async with self._watch.changes(batch_key(batch_id)) as changed:
                while True:
                    progress = await look_after(changed, look, within_s=LOOK_AGAIN_S)
                    watched.tell(progress)
                    if progress.finished_at:
                        return
                    await asyncio.sleep(REST_S)
        except BaseException as error:
            watched.fail(error)
            raise
