"""Every call of the API as data: what to send, and how to read the answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError

from api.batches.routes import ResultPage, RetryAccepted
from shared.wire.batches import BATCHES_PATH, BatchAccepted, BatchView
from api.job_views import JOBS_PATH, JobAccepted
from api.routes import Ready
from conncheck_client.models.events import RemoteJob, ServerTime
from conncheck_client.problems import UnexpectedAnswerError, problem_of
from shared.request import REVEAL, JobRequest
from shared.diagnosis.report import Answer, WireModel

T_co = TypeVar("T_co", covariant=True)
ModelT = TypeVar("ModelT", bound=WireModel)

Request = JobRequest | Mapping[str, Any]
"""What is to be tested: a JobRequest, or the JSON of the documented call as a mapping."""

CALL_PATH = JOBS_PATH.removesuffix("/jobs")
_KEY = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One exchange with the service."""

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    """Turns a successful answer into what the caller wants."""
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_repeatable(self) -> bool:
        """Whether the same call may be made again when nobody knows what became of it."""
        return self.method in ("GET", "DELETE") or _KEY in self.headers

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


def answer(request: Request, key: str | None = None) -> Call[Answer]:
    """Return the documented call, which waits until the test is over."""
    return _submission(CALL_PATH, request, key, partial(_read, Answer))


def submit(request: Request, key: str | None = None) -> Call[JobAccepted]:
    """Return the call that has a test made and does not wait for it."""
    return _submission(JOBS_PATH, request, key, partial(_read, JobAccepted))


def job(job_id: str, wait_s: float = 0) -> Call[RemoteJob]:
    """Return the call that looks at a job, and for up to `wait_s` waits for a change of it."""
    params = {"wait": f"{wait_s:g}"} if wait_s else {}
    return Call("GET", job_path(job_id), partial(_read, RemoteJob), params=params)


def cancel(job_id: str) -> Call[RemoteJob]:
    """Return the call that has a job end."""
    return Call("DELETE", job_path(job_id), partial(_read, RemoteJob))


def upload(
    content: bytes, media_type: str, *, strict: bool = False, key: str | None = None
) -> Call[BatchAccepted]:
    """Return the call that has all platforms of a file tested."""
    headers = {"Content-Type": media_type, _KEY: key or str(uuid4())}
    params = {"strict": "true"} if strict else {}
    read = partial(_read, BatchAccepted)
    return Call("POST", BATCHES_PATH, read, content, headers, params)


def batch(batch_id: str) -> Call[BatchView]:
    """Return the call that looks at a batch."""
    return Call("GET", batch_path(batch_id), partial(_read, BatchView))


def results(batch_id: str, cursor: str = "0", **wanted: str) -> Call[ResultPage]:
    """Return the call for a page of results; `wanted` is outcome, cause, productType, limit."""
    params = {"limit": "1000", **wanted, "cursor": cursor}
    path = f"{batch_path(batch_id)}/results"
    return Call("GET", path, partial(_read, ResultPage), params=params)


def cancel_batch(batch_id: str) -> Call[BatchView]:
    """Return the call that has nothing more of a batch begin."""
    return Call("DELETE", batch_path(batch_id), partial(_read, BatchView))


def retry_batch(batch_id: str) -> Call[RetryAccepted]:
    """Return the call that has what failed of a batch tested again."""
    return Call("POST", f"{batch_path(batch_id)}/retry", partial(_read, RetryAccepted))


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


def batch_path(batch_id: str) -> str:
    """Return where a batch is shown."""
    return f"{BATCHES_PATH}/{quote(batch_id, safe='')}"


def _submission(
    path: str, request: Request, key: str | None, read: Callable[[httpx.Response], T_co]
) -> Call[T_co]:
    headers = {"Content-Type": "application/json", _KEY: key or str(uuid4())}
    return Call("POST", path, read, _body(request), headers)


def _body(request: Request) -> bytes:
    if isinstance(request, JobRequest):
        text = request.model_dump_json(by_alias=True, exclude_unset=True, context=REVEAL)
        return text.encode()
    return json.dumps(request).encode()


def _read(model: type[ModelT], answer: httpx.Response) -> ModelT:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        pass  # pydantic's error quotes the answer
    raise UnexpectedAnswerError(
        f"{answer.url.host} answered something that this version of conncheck does not know"
    )


def _read_ready(answer: httpx.Response) -> ServerTime:
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        date = None
    return ServerTime(_read(Ready, answer).queues, date)
