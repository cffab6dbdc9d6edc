import pytest
from fastapi import FastAPI

from api.batches.errors import (
    BatchError,
    InvalidRowsError,
    NoBulkWorkerError,
    NoSuchBatchError,
    NothingToRepeatError,
    SlowUploadError,
    TooManyBatchesError,
    TooManyItemsError,
)
from api.batches.problems import answer_batch_errors, batch_problem
from shared.store.batches.batch import BatchGoneError, RejectedRow, TooManyOpenBatchesError
from shared.uploads import UploadError
from tests.api.test_problems import ask

ERRORS = [
    (NoSuchBatchError(), 404, "no-such-batch"),
    (BatchGoneError(), 404, "no-such-batch"),
    (SlowUploadError(0.5), 408, "too-slow"),
    (NothingToRepeatError("has no failed items"), 409, "nothing-to-repeat"),
    (TooManyItemsError(5000), 413, "too-many-items"),
    (UploadError("It is an image.", kind="unsupported-media-type"), 415, "unsupported-media-type"),
    (UploadError("It is no JSON."), 422, "invalid-request"),
    (InvalidRowsError([RejectedRow("line 2", "endpoint", "is empty")], 1), 422, "invalid-rows"),
    (TooManyOpenBatchesError(100), 429, "too-many-batches"),
    (NoBulkWorkerError(), 503, "no-worker"),
    (TooManyBatchesError(1000), 503, "queue-full"),
]


@pytest.mark.parametrize(("error", "status", "kind"), ERRORS)
def test_each_error_of_a_batch_has_its_answer(error: Exception, status: int, kind: str) -> None:
    """A client tells them apart by status and type, and gives up or comes again."""
    app = FastAPI()
    answer_batch_errors(app)

    @app.get("/")
    async def refuse() -> None:
        raise error

    answer = ask(app, "GET", "/")

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:conncheck:problem:{kind}"
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_every_error_of_a_batch_is_listed() -> None:
    """One without an answer of its own would be a bug of the service to its caller."""
    assert {type(error) for error, _, _ in ERRORS} >= {*BatchError.__subclasses__()}


def test_what_is_no_error_of_a_batch_stays_what_it_is() -> None:
    """A bug must be logged as one."""
    with pytest.raises(LookupError):
        batch_problem(LookupError())


def test_a_slow_upload_ends_its_connection() -> None:
    """The rest of it would else be read to be thrown away."""
    assert batch_problem(SlowUploadError(0.5)).headers == {"Connection": "close"}


def test_a_bad_row_is_named_with_its_place_and_field() -> None:
    """Its caller finds it among thousands."""
    rows = [RejectedRow("line 2", "endpoint", "is empty"), RejectedRow("line 7", "", "is no JSON")]

    errors = batch_problem(InvalidRowsError(rows, 2)).problem.errors or ()

    assert [(one.field, one.reason) for one in errors] == [
        ("line 2: endpoint", "is empty"),
        ("line 7", "is no JSON"),
    ]
