"""Describe the API, its problems included, as OpenAPI."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, Problem


def problem(description: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return how a problem is described in a route's `responses`."""
    return {
        "description": description,
        "model": Problem,
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in (headers or {}).items()
        },
    }


_PROBLEMS = {
    401: problem("No token, or not a valid one", {"WWW-Authenticate": "RFC 6750"}),
    403: problem(
        "The token lacks the scope, or may not have this target tested",
        {"WWW-Authenticate": "RFC 6750"},
    ),
    404: problem("There is no such job, or it is somebody else's"),
    408: problem("The upload took too long"),
    409: problem("The request with this Idempotency-Key is being taken at this moment"),
    413: problem("The body is too large"),
    415: problem("The body is not application/json"),
    422: problem("A field is missing, unknown or not valid; says which and why"),
    429: problem("Too many tests or targets in a minute", {"Retry-After": "Seconds"}),
    500: problem("The service itself broke"),
    503: problem(
        "The queue or the job store can't be reached, no worker is alive, or too many jobs wait",
        {"Retry-After": "Seconds"},
    ),
    504: problem("The job was not finished by its deadline; says which job"),
}


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of the problems with these statuses."""
    return {status: _PROBLEMS[status] for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; FastAPI would describe problems as plain JSON, and its own."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        for path in document["paths"].values():
            for operation in path.values():
                _describe_problems(operation["responses"])
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_problems(responses: dict[str, dict[str, Any]]) -> None:
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
        if status == "422":
            response["description"] = _PROBLEMS[422]["description"]
