"""A client of the service: `Client` for threads, `AsyncClient` for asyncio.

with Client("https://conncheck.example.com", token) as client:
    job = client.test({"productType": "zstack", "endpoint": "...", ...})
    print(job.success, job.recommendation)
"""

from conncheck_client.async_client import AsyncClient
from conncheck_client.models.events import BatchEvent, JobEvent, RemoteJob, ServerTime
from conncheck_client.problems import (
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NoSuchError,
    NotFinishedError,
    NotSignedInError,
    PlatformFailedError,
    ProblemError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
    raise_if_failed,
)
from conncheck_client.sync_client import Client

__all__ = [
    "AsyncClient",
    "BatchEvent",
    "Client",
    "ClientError",
    "ConflictError",
    "ForbiddenError",
    "InvalidRequestError",
    "JobEvent",
    "NoSuchError",
    "NotFinishedError",
    "NotSignedInError",
    "PlatformFailedError",
    "ProblemError",
    "RemoteJob",
    "ServerTime",
    "TooLargeError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "raise_if_failed",
]
