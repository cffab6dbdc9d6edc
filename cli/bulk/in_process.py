"""Run a bulk test in this process."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread

from cli.bulk.judged import Item
from cli.bulk.local_turns import LocalTurns
from cli.single.in_process import InProcess, LocalJob
from conncheck_client import BatchResult
from shared.diagnosis.report import Job
from shared.diagnosis.translations import Language
from shared.request.message import queue_target
from shared.store.batches.item_outcome import ItemOutcome
from shared.wire.batches import result


@dataclass(slots=True)
class BulkHere:
    """A bulk test; read `results` to the end, or call `end`."""

    tester: InProcess
    items: Sequence[Item]
    parallel: int
    per_target: int
    language: Language
    _at_work: set[LocalJob] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _is_ended: bool = False
    _told: SimpleQueue[BatchResult | None] = field(default_factory=SimpleQueue)
    _turns: LocalTurns[Item] = field(init=False)

    def __post_init__(self) -> None:
        work = ((_target_of(item), item) for item in self.items)
        self._turns = LocalTurns(work, self.per_target)

    def results(self) -> Iterator[BatchResult]:
        """Yield the result of each platform as it becomes known."""
        threads = min(self.parallel, len(self.items))
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()
        while threads:
            told = self._told.get()
            if told is None:
                threads -= 1
            else:
                yield told

    def end(self) -> None:
        """Start no more tests, and cancel those that are running, which end their sessions."""
        self._turns.end()
        with self._lock:
            self._is_ended = True
            running = tuple(self._at_work)
        with ThreadPoolExecutor(max(1, len(running))) as together:
            together.map(LocalJob.cancel, running)

    def _work(self) -> None:
        try:
            while taken := self._turns.take():
                target, item = taken
                try:
                    self._test(item)
                finally:
                    self._turns.give_back(target)
        finally:
            self._told.put(None)

    def _test(self, item: Item) -> None:
        with self._lock:
            if self._is_ended:
                return
            job = self.tester.begun(item.request)
            self._at_work.add(job)
        try:
            self.tester.run(item.request, job)
        finally:  # a test that crashed is lost, which is a result too
            with self._lock:
                self._at_work.discard(job)
                if not self._is_ended:  # a cancelled test is not a result
                    self._told.put(_result(item, job.job(self.language)))


def _target_of(item: Item) -> str:
    return queue_target(item.request) or f"item {item.index}"  # one that was forced stands alone


def _result(item: Item, job: Job) -> BatchResult:
    letter = ItemOutcome.of([item.index], job).letter
    shown = result(item.index, letter, item.sent, "", job)
    # This job has no page anywhere, and it was never in a queue.
    nowhere = {"job_id": None, "status_url": None, "queue_ms": None}
    return BatchResult.model_validate({**dict(shown), **nowhere})
