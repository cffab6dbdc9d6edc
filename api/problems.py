"""Errors of the API itself as RFC 9457 problem details; none repeats what was sent."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from shared.job_store import StoreUnreachableError
from shared.platform.input_checks import BLANK
from shared.request import JobRequest, Options, TlsOptions
from shared.text import printable

MEDIA_TYPE = "application/problem+json"
LONGEST_FIELD_NAME = 64
_BRANCH = re.compile("(.*-)?(int|float)")


class InvalidField(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(description="The field, with dots between nested names.")
    reason: str
    cause: str | None = Field(default=None, description="The cause's code, where there is one.")
    example: str | None = Field(default=None, description="A valid value.")


class Problem(BaseModel):
    """Why the API could not do what it was asked."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    type: str = Field(examples=["urn:conncheck:problem:invalid-request"])
    title: str
    status: int
    detail: str
    errors: list[InvalidField] | None = Field(default=None, description="With 422 only.")
    job_id: str | None = Field(default=None, description="The job that is not finished, with 504.")


class ProblemError(Exception):
    """Raised to answer with a problem."""

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
        super().__init__(detail)
        self.headers = headers or {}
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


# What pydantic's error types mean to somebody who never heard of pydantic. Its own messages are
# not passed on: some of them repeat the input.
_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this call",
    "string_type": "must be a String",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "is too long",
    "too_long": "is too long",
    "bool_type": "must be true or false",
    "int_type": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "json_invalid": "must be a JSON object; the body is not valid JSON",
    "invalid": "{problem}",
}
# Only a credential has a least length.
_CAUSES = {"too_short": BLANK.code}


def _examples(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    return {
        f"{prefix}{field.alias or name}": str(field.examples[0])
        for name, field in model.model_fields.items()
        if field.examples
    }


_EXAMPLES = {
    **_examples(JobRequest),
    **_examples(Options, "options."),
    **_examples(TlsOptions, "options.tls."),
}


def _invalid_field(error: dict[str, Any]) -> InvalidField:
    context = error.get("ctx") or {}
    parts = [str(part) for part in error["loc"]]
    if parts[:1] == ["body"]:
        del parts[0]
    # Pydantic ends the location with the branch of a union; that is no field of ours.
    if error["type"] != "extra_forbidden" and parts and _BRANCH.fullmatch(parts[-1]):
        del parts[-1]
    field = context.get("field") or ".".join(parts)
    if error["type"] == "json_invalid":
        field = ""
    reason = _REASONS.get(error["type"], "is not valid").format_map(context)
    return InvalidField(
        field=printable(field, LONGEST_FIELD_NAME) or "body",
        reason=reason,
        cause=context.get("cause") or _CAUSES.get(error["type"]),
        example=_EXAMPLES.get(field),
    )


def invalid_fields(errors: Sequence[dict[str, Any]]) -> list[InvalidField]:
    """Return what pydantic's `errors` say, once for each field."""
    by_field = {found.field: found for found in reversed([_invalid_field(e) for e in errors])}
    return list(reversed(by_field.values()))


def invalid_request(errors: Sequence[dict[str, Any]]) -> ProblemError:
    """Return the 422 problem for pydantic's `errors`."""
    fields = invalid_fields(errors)
    detail = "; ".join(f"{field.field}: {field.reason}" for field in fields[:5])
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, detail, kind="invalid-request", errors=fields
    )


async def _answer_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 -- registered for it alone
    return error.response()


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for it alone
    return invalid_request(error.errors()).response()


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for it alone
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI's word for JSON that Python gives up on otherwise, as on 100,000 brackets.
        return invalid_request([{"type": "json_invalid", "loc": ("body",)}]).response()
    status = HTTPStatus(error.status_code)
    return ProblemError(status, error.detail, headers=dict(error.headers or {})).response()


async def _answer_store_away(_: Request, __: Exception) -> JSONResponse:
    detail, headers = "The job store can't be reached.", {"Retry-After": "5"}
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return ProblemError(status, detail, kind="store-unreachable", headers=headers).response()


async def _answer_bug(_: Request, __: Exception) -> JSONResponse:
    detail = "The service itself broke; the operators find the reason in its log."
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail, kind="internal").response()


def answer_with_problems(app: FastAPI) -> None:
    """Let `app` answer every error as a problem."""
    app.add_exception_handler(ProblemError, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(StoreUnreachableError, _answer_store_away)
    app.add_exception_handler(Exception, _answer_bug)
