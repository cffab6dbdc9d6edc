"""Test many platforms in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread

from shared.wire.batches import BatchResult, result
from cli.single.in_process import InProcess, LocalJob
from cli.bulk.platform_file import Item
from cli.bulk.local_turns import Turns
from shared.batch_store import BatchItem
from shared.diagnosis.report import Job
from shared.store.batches.item_outcome import settled
from shared.diagnosis.translations import Language


@dataclass(slots=True)
class BulkHere:
    """A run of many tests; read `results` to its end, or `end` it."""

    tester: InProcess
    items: Sequence[Item]
    parallel: int
    per_target: int
    language: Language
    _at_work: set[LocalJob] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _is_ended: bool = False
    _told: SimpleQueue[BatchResult | None] = field(default_factory=SimpleQueue)
    _turns: Turns[Item] = field(init=False)

    def __post_init__(self) -> None:
        work = ((_target_of(item), item) for item in self.items)
        self._turns = Turns(work, self.per_target)

    def results(self) -> Iterator[BatchResult]:
        """Give what became of each platform, as it becomes known."""
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
        """Begin nothing more, and break off what is at work."""
        self._turns.end()
        with self._lock:
            self._is_ended = True
            for job in self._at_work:
                job.cancel()

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
        finally:  # a test that broke is lost, which is a result too
            with self._lock:
                self._at_work.discard(job)
                if not self._is_ended:  # what was broken off is no result
                    self._told.put(_result(item, job.job(self.language)))


def _target_of(item: Item) -> str:
    request = item.request
    return f"item {item.index}" if request.options.force else request.target_name


def _result(item: Item, job: Job) -> BatchResult:
    request = item.request
    sent = BatchItem(
        *(item.place, request.name, request.ref, request.product_type, str(request.target), "")
    )
    shown = result(item.index, settled([item.index], job).letter, sent, "", job)
    # Nobody can look at this job anywhere, and it stood in no queue.
    return shown.model_copy(update={"job_id": None, "status_url": None, "queue_ms": None})
