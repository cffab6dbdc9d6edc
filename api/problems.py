"""The API's own errors as RFC 9457 problem details; none repeats what was sent."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from api.language import headers_of, preferred
from shared.diagnosis.sentences import Sentence, text_in
from shared.diagnosis.translations import Language, sentence
from shared.store.errors import StoreUnreachableError
from shared.wire.problems import InvalidField, Problem, invalid_fields

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MOST_TOLD = 50  # invalid fields; the others are only counted
DETAILED = 5  # errors that the detail tells


def _no_members(_: Language) -> Mapping[str, Any]:
    return {}


class ApiProblemError(HTTPException):
    """Raised to answer a request with a problem.

    While FastAPI reads a body, it passes on only its own exception.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str | Sentence = "",
        *,
        kind: str | None = None,
        headers: dict[str, str] | None = None,
        errors: Sequence[InvalidField] = (),
        untold: int = 0,
        job_id: str | None = None,
        members: Callable[[Language], Mapping[str, Any]] = _no_members,
    ) -> None:
        """Without a `detail`, it is that of the first errors; `untold` more have been left out.

        `members` returns what else the problem says, in a language.
        """
        super().__init__(status, str(detail))
        self.headers: dict[str, str] = headers or {}
        self._detail = detail
        self._untold = untold
        self._errors = errors
        self._members = members
        self.problem = Problem(
            type=f"urn:conncheck:problem:{kind}" if kind else "about:blank",
            title=status.phrase,
            status=status,
            detail=str(detail) or _detail_of(errors, untold, "en"),
            errors=list(errors) or None,
            job_id=job_id,
        ).model_copy(update=members("en"))

    def in_language(self, language: Language) -> Problem:
        """Return the problem with its texts in `language`."""
        errors = [error.in_language(language) for error in self._errors]
        detail = self._detail
        # A text without facts is no template: a library may have written it.
        told = text_in(language, str(detail), detail if isinstance(detail, Sentence) else None)
        said = {
            "title": sentence(language, self.problem.title),
            "detail": told or _detail_of(errors, self._untold, language),
            "errors": errors or None,
            **self._members(language),
        }
        return self.problem.model_copy(update=said)

    def response(self, language: Language = "en") -> JSONResponse:
        """Return the problem as a response in `language`."""
        problem = self.in_language(language)
        content = problem.model_dump(mode="json", by_alias=True)
        headers = {**headers_of(language), **self.headers}
        return JSONResponse(content, problem.status, headers, MEDIA_TYPE)


def _detail_of(errors: Sequence[InvalidField], untold: int, language: Language) -> str:
    """Return a sentence about the first of `errors`, which are in `language` already."""
    template = sentence(language, "{field}: {reason}")
    said = [template.format(field=one.field, reason=one.reason) for one in errors[:DETAILED]]
    if more := len(errors) + untold - len(said):
        said.append(Sentence("and {count} more", {"count": more}).in_language(language))
    return sentence(language, "; ").join(said)


def unavailable(
    detail: str | Sentence, kind: str, retry_after_s: int = RETRY_AFTER_S
) -> ApiProblemError:
    """Return a 503 for a call that may succeed a little later."""
    headers = {"Retry-After": str(retry_after_s)}
    return ApiProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind=kind, headers=headers)


def invalid_request(errors: Sequence[dict[str, Any]]) -> ApiProblemError:
    """Return the 422 problem for pydantic's `errors`."""
    fields = invalid_fields(errors)
    return ApiProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        kind="invalid-request",
        errors=fields[:MOST_TOLD],
        untold=len(fields[MOST_TOLD:]),
    )


def _itself(error: Exception) -> ApiProblemError:
    assert isinstance(error, ApiProblemError)  # noqa: S101 -- registered for it alone
    return error


def _invalid(error: Exception) -> ApiProblemError:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for it alone
    return invalid_request(error.errors())


def _http_error(error: Exception) -> ApiProblemError:
    assert isinstance(error, AnyHTTPException)  # noqa: S101 -- registered for it alone
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI's answer to JSON that Python can't parse, such as 100,000 nested brackets.
        return invalid_request([{"type": "json_invalid", "loc": ("body",)}])
    status = HTTPStatus(error.status_code)
    return ApiProblemError(status, error.detail, headers=dict(error.headers or {}))


def _store_unreachable(_: Exception) -> ApiProblemError:
    return unavailable("The job store can't be reached.", "store-unreachable")


def _bug(_: Exception) -> ApiProblemError:
    detail = "Internal error. The operators of this service can find the reason in its log."
    return ApiProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail, kind="internal")


def answer_with(
    app: FastAPI, error: type[Exception], problem_of: Callable[[Exception], ApiProblemError]
) -> None:
    """Let `app` answer `error` with a problem, in the language that the caller prefers."""

    async def answer(request: Request, raised: Exception) -> JSONResponse:
        return problem_of(raised).response(preferred(request.headers))

    app.add_exception_handler(error, answer)


def answer_with_problems(app: FastAPI) -> None:
    """Let `app` answer every error as a problem."""
    answer_with(app, ApiProblemError, _itself)
    answer_with(app, RequestValidationError, _invalid)
    answer_with(app, AnyHTTPException, _http_error)
    answer_with(app, StoreUnreachableError, _store_unreachable)
    answer_with(app, Exception, _bug)
