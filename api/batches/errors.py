"""Errors of batches: not accepted, not found, or not retried."""

from collections.abc import Collection, Sequence
from typing import Literal

from shared.store.batches.batch import RejectedRow
from shared.uploads import Reading

WhyNot = Literal[
    "has no failed items",
    "has no failed items that match",
    "has none that you may test",
    "has no sealed requests left",
]
"""Why a batch can't be retried."""


class BatchError(Exception):
    """Raised when a batch is refused; `problems` turns it into the caller's problem."""


class NoSuchBatchError(BatchError):
    """Raised for a batch that does not exist, and for another tenant's batch."""


class NoBulkWorkerError(BatchError):
    """Raised when no worker for bulk tests is alive at any of `sites`."""

    def __init__(self, sites: Collection[str]) -> None:
        super().__init__()
        self.sites = sites


class TooManyBatchesError(BatchError):
    """Raised when too many batches are running already."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


class TooManyItemsError(BatchError):
    """Raised when an upload has more rows than a batch may have."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


class SlowUploadError(BatchError):
    """Raised when an upload takes too long: its first items would expire before its last."""

    def __init__(self, longest_s: float) -> None:
        super().__init__()
        self.longest_s = longest_s


class InvalidRowsError(BatchError):
    """Raised when all rows are invalid, or when any row is invalid in a strict upload.

    Attributes:
        rejected: The first of the invalid rows.
        count: The number of invalid rows.
        reading: What was read of the upload.
    """

    def __init__(
        self, rejected: Sequence[RejectedRow], count: int, reading: Reading | None = None
    ) -> None:
        super().__init__()
        self.rejected = rejected
        self.count = count
        self.reading = reading or Reading()


class NothingToRepeatError(BatchError):
    """Raised when no item of a batch can be retried."""

    def __init__(self, why_not: WhyNot) -> None:
        super().__init__(why_not)
        self.why_not = why_not
