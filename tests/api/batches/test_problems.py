import json
from typing import Any

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
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchGoneError, RejectedRow, TooManyOpenBatchesError
from shared.uploads import Reading, UploadError
from shared.uploads.reading import ReadColumn
from shared.wire.uploads import ERRORS_SHOWN, RowError
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
    (NoBulkWorkerError(["default"]), 503, "no-worker"),
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


def told(error: Exception, language: Language = "en") -> dict[str, Any]:
    """Return the problem that a caller is sent."""
    content: dict[str, Any] = json.loads(bytes(batch_problem(error).response(language).body))
    return content


def test_a_bad_row_is_named_with_its_place_and_field() -> None:
    """Its caller finds it among thousands, in the shape that an accepted upload tells it in."""
    row = RejectedRow("line 2", "endpoint", "is required", None, 2, 3, "10.0.0.5:8443")
    reading = Reading(format="CSV", encoding="UTF-8", separator=",", header_line=1)

    problem = told(InvalidRowsError([row, RejectedRow("line 7", "", "is no JSON")], 9, reading))

    first, second = problem["errors"]
    assert first == RowError.of([row])[0].model_dump(by_alias=True)
    assert (second["place"], second["line"], second["reason"]) == ("line 7", None, "is no JSON")
    assert problem["rejected"] == 9
    assert problem["read"]["text"].startswith("Read as CSV in UTF-8, separated by commas")


def test_of_many_bad_rows_the_first_are_told() -> None:
    """A file of another kind has fifty thousand."""
    rows = [RejectedRow(f"line {n}", "endpoint", "is required") for n in range(1000)]

    problem = told(InvalidRowsError(rows, 2000))

    assert (len(problem["errors"]), problem["rejected"]) == (ERRORS_SHOWN, 2000)


def test_an_upload_that_cant_be_read_tells_where_and_what_was_read_before() -> None:
    """A page shows the columns again, to be mended."""
    error = UploadError("{place}: has more than {most} columns.", place="line 3", most=64)
    error.reading = Reading(format="CSV", columns=[ReadColumn(1, "Host", "endpoint")])

    problem = told(error, "zh-CN")

    (where,) = problem["errors"]
    assert (where["place"], where["line"], where["field"]) == ("第 3 行", 3, "")
    assert where["reason"] == problem["detail"]
    assert [one["header"] for one in problem["read"]["columns"]] == ["Host"]
    assert "errors" not in told(UploadError("The upload has no rows."))
