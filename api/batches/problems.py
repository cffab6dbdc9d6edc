"""Turn the errors of batches into problems."""

from functools import singledispatch
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

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
from api.jobs.jobs import too_many_kept
from api.problems import ApiProblemError, unavailable
from shared.store.batches.batch import BatchGoneError
from shared.store.limits.kept_results import TooManyKeptError
from shared.uploads import UploadError
from shared.wire.problems import InvalidField


def answer_batch_errors(app: FastAPI) -> None:
    """Let `app` answer every error of a batch as a problem."""
    for error in (BatchError, BatchGoneError, TooManyKeptError, UploadError):
        app.add_exception_handler(error, _answer)


async def _answer(_: Request, error: Exception) -> JSONResponse:
    return batch_problem(error).response()


@singledispatch
def batch_problem(error: Exception) -> ApiProblemError:
    """Return the problem for `error`."""
    raise error


@batch_problem.register(NoSuchBatchError)
@batch_problem.register(BatchGoneError)
def _no_such_batch(_: Exception) -> ApiProblemError:
    """Return the same problem for a batch that does not exist and for another tenant's batch."""
    return ApiProblemError(HTTPStatus.NOT_FOUND, "There is no such batch.", kind="no-such-batch")


@batch_problem.register
def _no_worker(_: NoBulkWorkerError) -> ApiProblemError:
    return unavailable("No worker is alive to run bulk tests.", "no-worker")


@batch_problem.register
def _too_many_batches(error: TooManyBatchesError) -> ApiProblemError:
    return unavailable(f"Too many batches are running; the limit is {error.most}.", "queue-full")


@batch_problem.register
def _too_many_items(error: TooManyItemsError) -> ApiProblemError:
    detail = f"The upload has too many rows; the limit is {error.most}."
    return ApiProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, kind="too-many-items")


@batch_problem.register
def _too_slow(error: SlowUploadError) -> ApiProblemError:
    detail = f"The upload took too long; the limit is {error.longest_s:g} s."
    close = {"Connection": "close"}
    return ApiProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, kind="too-slow", headers=close)


@batch_problem.register
def _unreadable(error: UploadError) -> ApiProblemError:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if error.kind == "unsupported-media-type":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return ApiProblemError(status, error.detail, kind=error.kind)


@batch_problem.register
def _invalid_rows(error: InvalidRowsError) -> ApiProblemError:
    errors = [
        InvalidField(field=f"{row.place}: {row.field}".rstrip(": "), reason=row.reason)
        for row in error.rejected
    ]
    are_invalid = "1 row is" if error.count == 1 else f"{error.count} rows are"
    detail = f"{are_invalid} invalid; the batch was not started."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return ApiProblemError(status, detail, kind="invalid-rows", errors=errors)


@batch_problem.register
def _too_many_kept(error: TooManyKeptError) -> ApiProblemError:
    return too_many_kept(error)


@batch_problem.register
def _nothing_to_repeat(error: NothingToRepeatError) -> ApiProblemError:
    detail = f"Nothing can be retried: the batch {error}."
    return ApiProblemError(HTTPStatus.CONFLICT, detail, kind="nothing-to-repeat")
