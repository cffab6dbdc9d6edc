"""One worker's run of a job."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Protocol

from shared.audit import audit
from shared.diagnosis.durations import rounded_ms
from shared.diagnosis.entries import (
    Closed,
    ClosedStatus,
    Entry,
    StepEnded,
    StepNoted,
    StepStarted,
)
from shared.queue.queued_job import BULK, QueuedJob
from shared.store.errors import RunGivenUpError, StoreUnreachableError
from shared.store.jobs.job_stream import CLOSING, NumberedEntry, uses_up_credentials
from shared.store.redis_time import RedisTime


@dataclass(frozen=True, slots=True)
class FirstRow:
    """The text of a job's first entry, as it is in its stream, and the signature beside it."""

    entry: str
    signature: str


NOT_SIGNED = FirstRow("", "")


class RunOwner(Protocol):
    """What a run is written and ended by."""

    def write_and_keep(self, run: "Run", rows: Sequence[NumberedEntry]) -> bool:
        """Write rows of a run; return whether the job took them, once they outlive a killed Redis.

        Raises:
            StoreUnreachableError: the store was unreachable for too long.
        """
        ...

    def end(self, run: "Run") -> None:
        """Expect nothing more of a run that is closed, and call the jobs whose turn it is now."""
        ...


@dataclass(slots=True, eq=False)
class Run:
    """One worker's run of a job: only this run may write, until it is given up.

    Entries are written a moment later, together with those of other runs. An entry that uses
    up the credentials is in the store before anything else happens.
    """

    _owner: RunOwner
    job: QueuedJob
    _number: int
    sealed: str | None
    earlier: tuple[Entry, ...]
    """The entries that were written before this run began."""
    began_at: datetime
    """When it began, by Redis' clock."""
    _time: RedisTime
    written: list[NumberedEntry]
    """All entries that Redis took, those from before this run as well."""
    first_row: FirstRow = field(default=NOT_SIGNED)
    called: Sequence[QueuedJob] = ()
    """The jobs whose turn it is now that this run is closed."""
    _count: int = field(default=0)
    _findings: set[bool] = field(default_factory=set)
    """Whether steps that have ended found something, and whether others found nothing."""
    _took_ms: float = field(default=0.0)
    """The time of all steps that have ended."""
    unwritten: deque[NumberedEntry] = field(default_factory=deque)
    _unwritten_since_s: float = field(default=0.0)
    writing: Lock = field(default_factory=Lock)
    has_signed_in: bool = field(default=False)
    """Whether this run has the sign-in of the job, which there is only one of."""
    is_given_up: bool = field(default=False)
    """Whether nothing more is written; it stays so."""

    @property
    def job_id(self) -> str:
        """The id of its job."""
        return self.job.job_id

    def now(self) -> datetime:
        """Return the time by Redis' clock: this machine's may be off."""
        return self._time.now()

    def append(self, *entries: Entry) -> None:
        """Write `entries` soon; keep trying while the store is unreachable.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        if not self.unwritten:
            self._unwritten_since_s = monotonic()
        self.unwritten.extend(self._numbered(entries))
        if any(uses_up_credentials(entry) for entry in entries):
            self.write()
        elif self.is_given_up:
            raise RunGivenUpError

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries, close the job and end its turn.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        self.unwritten.extend(self._numbered(last))
        all_passed = status == "finished" and self._findings == {False}
        took_ms = rounded_ms(self._took_ms) if all_passed else None
        closed = Closed(at=self.now(), status=status, all_passed=all_passed, took_ms=took_ms)
        self.unwritten.append((f"{self._number}-{CLOSING}", closed))
        self.write()
        self._owner.end(self)
        audit(self.job_id, (*self.earlier, *last, closed))

    def write(self) -> None:
        """Write the pending entries in one round trip, so that they survive a killed Redis.

        Raises:
            RunGivenUpError: the job no longer belongs to this run, or the store stays away.
        """
        with self.writing:
            rows = self.take_unwritten()
            if rows and not self.is_given_up and not self._is_kept(rows):
                self.is_given_up = True
            if self.is_given_up:
                raise RunGivenUpError

    def _is_kept(self, rows: Sequence[NumberedEntry]) -> bool:
        """Return whether `rows` were written for good; a store that stays away ends the run."""
        try:
            return self._owner.write_and_keep(self, rows)
        except StoreUnreachableError:
            return False

    def has_unwritten(self, least_age_s: float) -> bool:
        """Return whether entries are pending, the first of them for so long."""
        return bool(self.unwritten) and monotonic() - self._unwritten_since_s >= least_age_s

    def take_unwritten(self) -> Sequence[NumberedEntry]:
        """Return the pending entries for the caller to write; the caller must hold `writing`."""
        rows = [self.unwritten.popleft() for _ in range(len(self.unwritten))]
        return self._worth_keeping(rows)

    def take_what_need_not_be_kept(self) -> Sequence[NumberedEntry]:
        """Return what is pending before an entry that `write` keeps; as above."""
        rows: list[NumberedEntry] = []
        while self.unwritten and not uses_up_credentials(self.unwritten[0][1]):
            rows.append(self.unwritten.popleft())
        return self._worth_keeping(rows)

    def _worth_keeping(self, rows: Sequence[NumberedEntry]) -> Sequence[NumberedEntry]:
        """Return `rows` without the starts of steps that end in them, if the job is a batch's.

        The end of a step says when it began; a third of what a finished job takes is saved.
        """
        if self.job.queue != BULK:
            return rows
        ended = {entry.step for _, entry in rows if isinstance(entry, StepEnded)}
        return [
            (entry_id, entry)
            for entry_id, entry in rows
            if not (isinstance(entry, StepStarted) and entry.step in ended)
        ]

    def _numbered(self, entries: Sequence[Entry]) -> list[NumberedEntry]:
        first = self._count + 1
        self._count += len(entries)
        for entry in entries:
            if isinstance(entry, StepEnded | StepNoted):
                self._findings.add(entry.finds_something)
            if isinstance(entry, StepEnded):
                self._took_ms += entry.took_ms
        return [(f"{self._number}-{n}", e) for n, e in enumerate(entries, first)]
