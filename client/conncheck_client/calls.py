"""Every call of the API as data: what to send, and how to read the answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Generic, Literal, Protocol, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError

from conncheck_client.models.batches import (
    Batch,
    BatchPage,
    ResultPage,
    RetryAccepted,
)
from conncheck_client.models.comparisons import Comparison, ComparisonAccepted, SignIn
from conncheck_client.models.events import ServerTime
from conncheck_client.models.inspections import Inspection
from conncheck_client.models.jobs import Answer, Job, JobAccepted, JobPage, Ready
from conncheck_client.models.platforms import (
    InspectionLike,
    PlatformLike,
    json_of,
    together,
)
from conncheck_client.models.product_types import ProductTypes
from conncheck_client.models.sites import Sites
from conncheck_client.models.wire import AnswerModel
from conncheck_client.problems import UnexpectedAnswerError, problem_of

T_co = TypeVar("T_co", covariant=True)
ModelT = TypeVar("ModelT", bound=AnswerModel)

CALL_PATH = "/api/v1/platforms/test-connection"
JOBS_PATH = f"{CALL_PATH}/jobs"
BATCHES_PATH = f"{CALL_PATH}/batches"
COMPARISONS_PATH = f"{CALL_PATH}/comparisons"
INSPECTIONS_PATH = "/api/v1/platforms/inspect-certificate"
PRODUCT_TYPES_PATH = "/api/v1/product-types"
SITES_PATH = "/api/v1/sites"
IDEMPOTENCY_KEY = "Idempotency-Key"
_PAGE = "1000"  # results; the most that the service gives at once
_LIST_PAGE = "100"  # jobs or batches; the same
TableForm = Literal["csv", "xlsx"]
Wanted = Mapping[str, str | list[str]]
"""Parameters; those with several values are repeated."""
_ALL: Wanted = {}


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One exchange with the service."""

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    """Turns a successful answer into what the caller wants."""
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Wanted = field(default_factory=dict)
    changes_nothing: bool = False
    """Whether it is as safe to repeat as a GET."""

    @property
    def is_repeatable(self) -> bool:
        """Whether the same call may be made again when its outcome is unknown."""
        is_safe = self.method in ("GET", "DELETE") or self.changes_nothing
        return is_safe or IDEMPOTENCY_KEY in self.headers

    def request(self, http: httpx.Client | httpx.AsyncClient, **headers: str) -> httpx.Request:
        """Return what `http` is to send."""
        return http.build_request(
            self.method,
            self.path,
            content=self.content,
            headers={**self.headers, **headers},
            params=dict(self.params),
        )

    def result(self, answer: httpx.Response) -> T_co:
        """Return what the answer says.

        Raises:
            ClientError: it is none that was wanted.
        """
        if not answer.is_success:
            raise problem_of(answer)
        return self.read(answer)


def answer(platform: PlatformLike, key: str | None = None) -> Call[Answer]:
    """Return the documented call, which waits until the test is over."""
    return _submission(CALL_PATH, json_of(platform), key, partial(read_as, Answer))


def submit(platform: PlatformLike, key: str | None = None) -> Call[JobAccepted]:
    """Return the call that starts a test and does not wait for it."""
    return _submission(JOBS_PATH, json_of(platform), key, partial(read_as, JobAccepted))


def inspect(request: InspectionLike, key: str | None = None) -> Call[Inspection]:
    """Return the call that inspects the certificates of a host."""
    return _submission(INSPECTIONS_PATH, json_of(request), key, partial(read_as, Inspection))


def product_types() -> Call[ProductTypes]:
    """Return the call that lists what can be tested."""
    return Call("GET", PRODUCT_TYPES_PATH, partial(read_as, ProductTypes))


def sites() -> Call[Sites]:
    """Return the call that lists the sites that the token may test from."""
    return Call("GET", SITES_PATH, partial(read_as, Sites))


def job(job_id: str, wait_s: float = 0) -> Call[Job]:
    """Return the call that looks at a job, and for up to `wait_s` waits for a change of it."""
    params = {"wait": f"{wait_s:g}"} if wait_s else {}
    return Call("GET", job_path(job_id), partial(read_as, Job), params=params)


class Page(Protocol[T_co]):
    """A part of a list, and where the next one begins."""

    @property
    def items(self) -> Sequence[T_co]:
        """What is in this part."""

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next part; None if this is the last one."""


def jobs(wanted: Mapping[str, str | None], cursor: str | None = None) -> Call[JobPage]:
    """Return the call for a page of the list of jobs; `wanted` narrows it."""
    return Call("GET", JOBS_PATH, partial(read_as, JobPage), params=_of_list(wanted, cursor))


def cancel(job_id: str) -> Call[Job]:
    """Return the call that cancels a job."""
    return Call("DELETE", job_path(job_id), partial(read_as, Job))


def submit_comparison(
    platform: PlatformLike, sites: Iterable[str], sign_in: SignIn, key: str | None
) -> Call[ComparisonAccepted]:
    """Return the call that starts to test a platform from several sites."""
    body = json_of(together(platform, sites=list(sites), signIn=sign_in))
    return _submission(COMPARISONS_PATH, body, key, partial(read_as, ComparisonAccepted))


def comparison(comparison_id: str, wait_s: float = 0) -> Call[Comparison]:
    """Return the call that looks at a comparison, and for up to `wait_s` waits for a change."""
    params = {"wait": f"{wait_s:g}"} if wait_s else {}
    read = partial(read_as, Comparison)
    return Call("GET", comparison_path(comparison_id), read, params=params)


def cancel_comparison(comparison_id: str) -> Call[Comparison]:
    """Return the call that cancels a comparison."""
    return Call("DELETE", comparison_path(comparison_id), partial(read_as, Comparison))


def batch(batch_id: str) -> Call[Batch]:
    """Return the call that looks at a batch."""
    return Call("GET", batch_path(batch_id), partial(read_as, Batch))


def batches(wanted: Mapping[str, str | None], cursor: str | None = None) -> Call[BatchPage]:
    """Return the call for a page of the list of batches; `wanted` narrows it."""
    return Call("GET", BATCHES_PATH, partial(read_as, BatchPage), params=_of_list(wanted, cursor))


def choice(
    outcome: str | None,
    cause: str | None,
    product_type: str | None,
    labels: Mapping[str, str] | None,
    refs: Iterable[str],
    site: str | None = None,
) -> Wanted:
    """Return the parameters that choose items of a batch."""
    wanted: dict[str, str | list[str] | None] = {
        "outcome": outcome,
        "cause": cause,
        "productType": product_type,
        "label": [f"{name}={value}" for name, value in (labels or {}).items()],
        "ref": [*refs],
        "site": site,
    }
    return {name: value for name, value in wanted.items() if value}


def results(
    batch_id: str, cursor: str = "0", wanted: Wanted = _ALL, sort: str | None = None
) -> Call[ResultPage]:
    """Return the call for a page of results: those of the `choice` `wanted`, sorted."""
    sorted_by = {"sort": sort} if sort else {}
    params = {**wanted, **sorted_by, "limit": _PAGE, "cursor": cursor}
    path = f"{batch_path(batch_id)}/results"
    return Call("GET", path, partial(read_as, ResultPage), params=params)


def results_table(
    batch_id: str, form: TableForm, wanted: Wanted = _ALL, sort: str | None = None
) -> Call[bytes]:
    """Return the call for the results as a file: those of the `choice` `wanted`, sorted."""
    sorted_by = {"sort": sort} if sort else {}
    params = {**wanted, **sorted_by, "format": form}
    return Call("GET", f"{batch_path(batch_id)}/results", _read_content, params=params)


def cancel_batch(batch_id: str) -> Call[Batch]:
    """Return the call that ends what has not begun of a batch."""
    return Call("DELETE", batch_path(batch_id), partial(read_as, Batch))


def retry_batch(batch_id: str, wanted: Wanted = _ALL) -> Call[RetryAccepted]:
    """Return the call that tests again what failed of a batch, of the `choice` `wanted`."""
    path = f"{batch_path(batch_id)}/retry"
    return Call("POST", path, partial(read_as, RetryAccepted), params=wanted)


def ready() -> Call[ServerTime]:
    """Return the call that asks whether tests can be made."""
    return Call("GET", "/readyz", _read_ready)


def event_stream(path: str) -> Call[None]:
    """Return the call that opens the stream of events at `path`."""
    headers = {"Accept": "text/event-stream"}
    return Call("GET", path, lambda _: None, headers=headers)


def job_path(job_id: str) -> str:
    """Return where a job is shown."""
    return f"{JOBS_PATH}/{quote(job_id, safe='')}"


def comparison_path(comparison_id: str) -> str:
    """Return where a comparison is shown."""
    return f"{COMPARISONS_PATH}/{quote(comparison_id, safe='')}"


def batch_path(batch_id: str) -> str:
    """Return where a batch is shown."""
    return f"{BATCHES_PATH}/{quote(batch_id, safe='')}"


def _of_list(wanted: Mapping[str, str | None], cursor: str | None) -> Mapping[str, str]:
    params = {**wanted, "limit": _LIST_PAGE, "cursor": cursor}
    return {name: value for name, value in params.items() if value is not None}


def _submission(
    path: str, content: bytes, key: str | None, read: Callable[[httpx.Response], T_co]
) -> Call[T_co]:
    headers = {"Content-Type": "application/json", IDEMPOTENCY_KEY: key or str(uuid4())}
    return Call("POST", path, read, content, headers)


def read_as(model: type[ModelT], answer: httpx.Response) -> ModelT:
    """Return what an answer says.

    Raises:
        UnexpectedAnswerError: it is no `model`.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        pass  # pydantic's error quotes the answer
    raise UnexpectedAnswerError(
        f"{answer.url.host} answered something that this version of conncheck-client does not know"
    )


def _read_content(answer: httpx.Response) -> bytes:
    if not answer.is_success:
        raise problem_of(answer)
    return answer.content


def _read_ready(answer: httpx.Response) -> ServerTime:
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        date = None
    return ServerTime(read_as(Ready, answer).queues, date)
