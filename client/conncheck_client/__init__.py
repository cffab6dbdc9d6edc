"""A client of the conncheck service: `Client` for threads, `AsyncClient` for asyncio.

with Client("https://conncheck.example.com", token) as client:
    job = client.test(Platform(product_type="zstack", endpoint="...", ...))
    print(job.success, job.recommendation)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from conncheck_client.models.batches import (
    Batch,
    BatchAccepted,
    BatchPage,
    BatchProgress,
    BatchResult,
    BatchStatus,
    BatchSummary,
    CauseGroup,
    Example,
    Group,
    GroupCounts,
    GroupValue,
    ItemStatus,
    OtherValues,
    ResultPage,
    ResultSort,
    RetryAccepted,
    SharedFact,
)
from conncheck_client.models.comparisons import (
    ComparedResult,
    ComparedSite,
    ComparedStep,
    Comparison,
    ComparisonAccepted,
    ComparisonRequest,
    Difference,
    DifferenceSide,
)
from conncheck_client.models.events import (
    BatchEvent,
    ComparisonEvent,
    EventKind,
    JobEvent,
    ServerTime,
)
from conncheck_client.models.inspections import Distrust, Inspection, ShownCertificate
from conncheck_client.models.jobs import (
    Answer,
    Contribution,
    DetailedItem,
    Fact,
    Item,
    Job,
    JobAccepted,
    JobPage,
    JobStatus,
    JobSummary,
    Outcome,
    Owner,
    Ready,
    Report,
    Severity,
    StepName,
    StepOutcome,
)
from conncheck_client.models.platforms import (
    BatchRow,
    ExpectedIdentity,
    InspectionOptions,
    InspectionRequest,
    InspectionTls,
    Options,
    Platform,
    TlsOptions,
)
from conncheck_client.models.product_types import ProductType, ProductTypes
from conncheck_client.models.sites import Site, SiteCanary, SiteNote, Sites
from conncheck_client.models.uploads import Column, DryRun, FirstRow, Reading, RowError
from conncheck_client.problems import (
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidField,
    InvalidRequestError,
    NoSuchError,
    NotFinishedError,
    NotSignedInError,
    PlatformFailedError,
    Problem,
    ProblemError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
    raise_if_failed,
)

Rejected = RowError
"""Its name before rows had lines and columns."""

if TYPE_CHECKING:
    from conncheck_client.async_client import AsyncClient
    from conncheck_client.connecting import Language
    from conncheck_client.sync_client import Client
else:
    # httpx takes longer to load than all the rest; who only reads answers, such as a file of
    # results, does without it.
    _WITH_HTTPX = {"AsyncClient": "async_client", "Client": "sync_client", "Language": "connecting"}

    def __getattr__(name: str) -> object:
        if name not in _WITH_HTTPX:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_WITH_HTTPX[name]}"), name)


__all__ = [
    "Answer",
    "AsyncClient",
    "Batch",
    "BatchAccepted",
    "BatchEvent",
    "BatchPage",
    "BatchProgress",
    "BatchResult",
    "BatchRow",
    "BatchStatus",
    "BatchSummary",
    "CauseGroup",
    "Client",
    "ClientError",
    "Column",
    "ComparedResult",
    "ComparedSite",
    "ComparedStep",
    "Comparison",
    "ComparisonAccepted",
    "ComparisonEvent",
    "ComparisonRequest",
    "ConflictError",
    "Contribution",
    "DetailedItem",
    "Difference",
    "DifferenceSide",
    "Distrust",
    "DryRun",
    "EventKind",
    "Example",
    "ExpectedIdentity",
    "Fact",
    "FirstRow",
    "ForbiddenError",
    "Group",
    "GroupCounts",
    "GroupValue",
    "Inspection",
    "InspectionOptions",
    "InspectionRequest",
    "InspectionTls",
    "InvalidField",
    "InvalidRequestError",
    "Item",
    "ItemStatus",
    "Job",
    "JobAccepted",
    "JobEvent",
    "JobPage",
    "JobStatus",
    "JobSummary",
    "Language",
    "NoSuchError",
    "NotFinishedError",
    "NotSignedInError",
    "Options",
    "OtherValues",
    "Outcome",
    "Owner",
    "Platform",
    "PlatformFailedError",
    "Problem",
    "ProblemError",
    "ProductType",
    "ProductTypes",
    "Reading",
    "Ready",
    "Rejected",
    "Report",
    "ResultPage",
    "ResultSort",
    "RetryAccepted",
    "RowError",
    "ServerTime",
    "Severity",
    "SharedFact",
    "ShownCertificate",
    "Site",
    "SiteCanary",
    "SiteNote",
    "Sites",
    "StepName",
    "StepOutcome",
    "TlsOptions",
    "TooLargeError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "raise_if_failed",
]
