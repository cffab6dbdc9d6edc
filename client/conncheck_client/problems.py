"""What can go wrong between a client and the service, each a type of its own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ValidationError

from conncheck_client.models.jobs import DetailedItem, Report
from conncheck_client.models.uploads import Reading, RowError
from conncheck_client.models.wire import AnswerModel
from conncheck_client.text import printable

if TYPE_CHECKING:
    import httpx


class InvalidField(AnswerModel):
    """What is wrong with one field of the request."""

    field: str
    """The field, with dots between nested names."""
    reason: str
    cause: str | None = None
    """The cause's code, where there is one."""
    example: str | None = None
    """A valid value."""


class Problem(AnswerModel):
    """Why the service did not do what it was asked (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[RowError | InvalidField, ...] | None = None
    """With 422 only; of an upload, the first invalid rows or the place that can't be read."""
    rejected: int | None = None
    """The number of invalid rows of an upload."""
    read: Reading | None = None
    """What was read of an upload."""
    job_id: str | None = None
    """The job that is not finished, with 504."""


class ClientError(Exception):
    """The base class of all errors that a call raises."""


class UnreachableError(ClientError):
    """Raised where the service does not answer at all."""


class UnexpectedAnswerError(ClientError):
    """Raised where what answers is not conncheck, or a version that is not understood."""


class ProblemError(ClientError):
    """Raised where the service says why it did not do what it was asked (RFC 9457)."""

    def __init__(self, problem: Problem, retry_after_s: float | None) -> None:
        super().__init__(printable(problem.detail, 500))
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def errors(self) -> Sequence[RowError | InvalidField]:
        """What is wrong with which field, or with which row of an upload."""
        return self.problem.errors or ()

    @property
    def causes(self) -> Sequence[str]:
        """The codes of the causes that the problem names."""
        return [error.cause for error in self.errors if error.cause]


class NotSignedInError(ProblemError):
    """Raised for 401: the token is missing or unknown."""


class ForbiddenError(ProblemError):
    """Raised for 403: the token may not do that."""


class NoSuchError(ProblemError):
    """Raised for 404: there is no such job or batch, or it belongs to another caller."""


class ConflictError(ProblemError):
    """Raised for 409: nothing can be repeated."""


class TooLargeError(ProblemError):
    """Raised for 413: the body is larger than the service reads."""


class InvalidRequestError(ProblemError):
    """Raised for 415 and 422: the request is not valid; `errors` say where."""


class TooManyRequestsError(ProblemError):
    """Raised for 429, where `retry_after_s` is more than the client waits."""


class UnavailableError(ProblemError):
    """Raised for 503: no worker, a full queue, or no store, for longer than the client waits."""


class NotFinishedError(ProblemError):
    """Raised for 504: the test was taken and did not end in time."""


class PlatformFailedError(ClientError):
    """Raised by `raise_if_failed` for a platform that did not pass."""

    def __init__(self, job: Report, item: DetailedItem | None) -> None:
        super().__init__(item.summary if item else job.recommendation)
        self.job = job
        self.cause = item.cause if item else None
        self.owner = item.owner if item else None
        self.remedies = item.remedies if item else ()


def raise_if_failed(job: Report) -> None:
    """Return if the job has passed.

    Raises:
        PlatformFailedError: it has not, with the cause of the step that failed.
    """
    if not job.success:
        raise PlatformFailedError(job, job.failed_item)


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: NotSignedInError,
    403: ForbiddenError,
    404: NoSuchError,
    409: ConflictError,
    413: TooLargeError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: TooManyRequestsError,
    503: UnavailableError,
    504: NotFinishedError,
}


def problem_of(answer: "httpx.Response") -> ClientError:
    """Return what an answer that is no success means; its body was read."""
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        phrase = HTTPStatus(answer.status_code).phrase if answer.status_code in _KNOWN else ""
        shown = f"{answer.status_code} {phrase}".strip()
        return UnexpectedAnswerError(f"{answer.url.host} answered {shown}, and not as conncheck")
    return _BY_STATUS.get(answer.status_code, ProblemError)(problem, retry_after_s(answer))


_KNOWN = frozenset(status.value for status in HTTPStatus)


def retry_after_s(answer: "httpx.Response") -> float | None:
    """Return the seconds after which the service wants to be asked again (RFC 9110 10.2.3)."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit() and len(text) < 8:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
