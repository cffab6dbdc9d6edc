"""Turn the errors of batches into problems."""

from functools import singledispatch
from http import HTTPStatus
from itertools import islice
from typing import Any

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
from api.jobs.jobs import too_many_kept
from api.problems import ApiProblemError, answer_with, unavailable
from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language
from shared.site_name import DEFAULT_SITE
from shared.sites.site_choice import MOST_NAMED
from shared.store.batches.batch import BatchGoneError, RejectedRow, TooManyOpenBatchesError
from shared.store.limits.kept_results import TooManyKeptError
from shared.uploads import Reading, UploadError
from shared.wire.uploads import ReadingView, RowError

A_BATCH_TAKES_S = 60  # or much longer; who cancels one need not wait


def answer_batch_errors(app: FastAPI) -> None:
    """Let `app` answer every error of a batch as a problem."""
    own = (BatchError, BatchGoneError, TooManyKeptError, TooManyOpenBatchesError, UploadError)
    for error in own:
        answer_with(app, error, batch_problem)


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
def _no_worker(error: NoBulkWorkerError) -> ApiProblemError:
    sites = tuple(islice(sorted(error.sites), MOST_NAMED))
    facts: dict[str, Fact] = {} if set(sites) <= {DEFAULT_SITE} else {"sites": sites}
    detail = Sentence("No worker is alive[ at {sites}] to run bulk tests.", facts)
    return unavailable(detail, "no-worker")


@batch_problem.register
def _too_many_batches(error: TooManyBatchesError) -> ApiProblemError:
    detail = "Too many batches are running; the limit is {most}."
    return unavailable(Sentence(detail, {"most": error.most}), "queue-full")


@batch_problem.register
def _too_many_open(error: TooManyOpenBatchesError) -> ApiProblemError:
    detail = Sentence(
        "The tenant's limit of unfinished batches is reached: {most}. Wait until one is finished, "
        "or cancel one.",
        {"most": error.most},
    )
    wait = {"Retry-After": str(A_BATCH_TAKES_S)}
    status = HTTPStatus.TOO_MANY_REQUESTS
    return ApiProblemError(status, detail, kind="too-many-batches", headers=wait)


@batch_problem.register
def _too_many_items(error: TooManyItemsError) -> ApiProblemError:
    detail = Sentence("The upload has too many rows; the limit is {most}.", {"most": error.most})
    return ApiProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, kind="too-many-items")


@batch_problem.register
def _too_slow(error: SlowUploadError) -> ApiProblemError:
    facts: dict[str, Fact] = {"longest_s": f"{error.longest_s:g}"}
    detail = Sentence("The upload took too long; the limit is {longest_s} s.", facts)
    close = {"Connection": "close"}
    return ApiProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, kind="too-slow", headers=close)


@batch_problem.register
def _unreadable(error: UploadError) -> ApiProblemError:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if error.kind == "unsupported-media-type":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    reason = str(error.said)
    where = RejectedRow(error.place, "", reason, error.said, error.line, error.column)

    def members(language: Language) -> dict[str, Any]:
        errors = {"errors": list(RowError.of([where], language))} if error.place else {}
        return errors | _read(error.reading, language)

    return ApiProblemError(status, error.said, kind=error.kind, members=members)


@batch_problem.register
def _invalid_rows(error: InvalidRowsError) -> ApiProblemError:
    text = "{count:row is|rows are} invalid; the batch was not started."
    detail = Sentence(text, {"count": error.count})

    def members(language: Language) -> dict[str, Any]:
        return {
            "errors": list(RowError.of(error.rejected, language)),
            "rejected": error.count,
            **_read(error.reading, language),
        }

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return ApiProblemError(status, detail, kind="invalid-rows", members=members)


def _read(reading: Reading, language: Language) -> dict[str, Any]:
    return {"read": ReadingView.of(reading, language)} if reading.format else {}


@batch_problem.register
def _too_many_kept(error: TooManyKeptError) -> ApiProblemError:
    return too_many_kept(error)


@batch_problem.register
def _nothing_to_repeat(error: NothingToRepeatError) -> ApiProblemError:
    detail = Sentence("Nothing can be retried: the batch {reason}.", {"reason": error.why_not})
    return ApiProblemError(HTTPStatus.CONFLICT, detail, kind="nothing-to-repeat")
