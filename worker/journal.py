"""The record that a test writes of its progress."""

from datetime import datetime
from typing import Protocol

from shared.diagnosis.entries import ClosedStatus, Entry


class Journal(Protocol):
    """A job's entries, in order, in a store (shared/store/jobs/run.py) or in this process."""

    @property
    def job_id(self) -> str:
        """The id of the job."""
        ...

    def now(self) -> datetime:
        """Return the time that entries are to have."""
        ...

    def append(self, *entries: Entry) -> None:
        """Write `entries`.

        Raises:
            RunGivenUpError: nothing that is written here counts any more.
        """
        ...

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job.

        Raises:
            RunGivenUpError: nothing that is written here counts any more.
        """
        ...
