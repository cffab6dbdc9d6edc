"""Answer for mocks as for real platforms, and mark each response as a mock."""

from http import HTTPStatus
from typing import Final

from fastapi.responses import JSONResponse

from api.language import headers_of
from api.problems import ApiProblemError
from shared.diagnosis.translations import Language
from shared.mock.story import MockRefusedError, is_mock, mock_job, mock_story
from shared.reporting.fold import fold
from shared.wire.problems import invalid_field

MOCK_HEADERS: Final[dict[str, str]] = {"Conncheck-Mock": "true"}


def mock_headers(job_id: str) -> dict[str, str]:
    """Return the header that marks a mock; no header for a real job's id."""
    return MOCK_HEADERS if is_mock(job_id) else {}


def mock_answer(mock: str, language: Language, naming: dict[str, str]) -> JSONResponse:
    """Return the documented answer of a mock, with the headers that name its job.

    Raises:
        ApiProblemError: 422 for a cause that a request is refused with before it is tested.
    """
    job = fold(entry for _, entry in mock_story(accepted_mock(mock), ""))
    assert job  # noqa: S101 -- the request's validation allows only these names
    answer = job.in_language(language).answer()
    headers = {**headers_of(language), **naming, **MOCK_HEADERS}
    return JSONResponse(answer.model_dump(by_alias=True), headers=headers)


def accepted_mock(mock: str) -> str:
    """Return the id of the mock's job.

    Raises:
        ApiProblemError: 422 for a cause that a request is refused with before it is tested.
    """
    try:
        return mock_job(mock)
    except MockRefusedError as refused:
        field = invalid_field(refused.field, refused.reason, cause=refused.cause_code)
        raise ApiProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            kind="invalid-request",
            headers=MOCK_HEADERS,
            errors=[field],
        ) from None
