"""The API's own errors as RFC 9457 problem details; none repeats what was sent."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from shared.store.errors import StoreUnreachableError
from shared.wire.problems import InvalidField, Problem, invalid_fields

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MOST_TOLD = 50  # invalid fields; the others are only counted
MOST_IN_DETAIL = 5


class ApiProblemError(HTTPException):
    """Raised to answer a request with a problem.

    While FastAPI reads a body, it passes on only its own exception.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        kind: str | None = None,
        headers: dict[str, str] | None = None,
        errors: Sequence[InvalidField] = (),
        job_id: str | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.headers: dict[str, str] = headers or {}
        self.problem = Problem(
            type=f"urn:conncheck:problem:{kind}" if kind else "about:blank",
            title=status.phrase,
            status=status,
            detail=detail,
            errors=list(errors) or None,
            job_id=job_id,
        )

    def response(self) -> JSONResponse:
        """Return the problem as a response."""
        content = self.problem.model_dump(mode="json", by_alias=True, exclude_none=True)
        return JSONResponse(content, self.problem.status, self.headers, MEDIA_TYPE)


def unavailable(detail: str, kind: str, retry_after_s: int = RETRY_AFTER_S) -> ApiProblemError:
    """Return a 503 for a call that may succeed a little later."""
    headers = {"Retry-After": str(retry_after_s)}
    return ApiProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind=kind, headers=headers)


def invalid_request(errors: Sequence[dict[str, Any]]) -> ApiProblemError:
    """Return the 422 problem for pydantic's `errors`."""
    fields = invalid_fields(errors)
    told = [f"{field.field}: {field.reason}" for field in fields[:MOST_IN_DETAIL]]
    if more := len(fields) - len(told):
        told.append(f"and {more} more")
    return ApiProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(told),
        kind="invalid-request",
        errors=fields[:MOST_TOLD],
    )


async def _answer_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiProblemError)  # noqa: S101 -- registered for it alone
    return error.response()


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for it alone
    return invalid_request(error.errors()).response()


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AnyHTTPException)  # noqa: S101 -- registered for it alone
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI's answer to JSON that Python can't parse, such as 100,000 nested brackets.
        return invalid_request([{"type": "json_invalid", "loc": ("body",)}]).response()
    status = HTTPStatus(error.status_code)
    return ApiProblemError(status, error.detail, headers=dict(error.headers or {})).response()


async def _answer_store_unreachable(_: Request, __: Exception) -> JSONResponse:
    return unavailable("The job store can't be reached.", "store-unreachable").response()


async def _answer_bug(_: Request, __: Exception) -> JSONResponse:
    detail = "Internal error. The operators of this service can find the reason in its log."
    return ApiProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail, kind="internal").response()


def answer_with_problems(app: FastAPI) -> None:
    """Let `app` answer every error as a problem."""
    app.add_exception_handler(ApiProblemError, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(AnyHTTPException, _answer_http_error)
    app.add_exception_handler(StoreUnreachableError, _answer_store_unreachable)
    app.add_exception_handler(Exception, _answer_bug)
