"""Describe the API and its problems as OpenAPI."""

import json
from functools import cache
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE
from shared.wire.batches import BatchRow
from shared.wire.jobs import JobAccepted
from shared.wire.problems import Problem


def problem(description: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the description of a problem for a route's `responses`."""
    return {
        "description": description,
        "model": Problem,
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in (headers or {}).items()
        },
    }


_PROBLEMS = {
    401: problem("The token is missing or not valid", {"WWW-Authenticate": "RFC 6750"}),
    403: problem(
        "The token lacks the scope, or is not allowed to test this target",
        {"WWW-Authenticate": "RFC 6750"},
    ),
    404: problem("The job does not exist, or belongs to another tenant"),
    408: problem("The body took too long to arrive"),
    413: problem("The body is too large"),
    415: problem("The body is not application/json"),
    422: problem("A field is missing, unknown or not valid; `errors` says which and why"),
    429: problem(
        "Too many tests, targets or refused requests per minute, results kept, streams open, or "
        "batches unfinished",
        {"Retry-After": "Seconds"},
    ),
    500: problem("Internal error"),
    503: problem(
        "The queue or the job store can't be reached, no worker is alive, or the queue is full",
        {"Retry-After": "Seconds"},
    ),
    504: problem("The job did not finish by its deadline; `jobId` names the job"),
}


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of the problems with these statuses."""
    return {status: _PROBLEMS[status] for status in statuses}


NAMING: Final[dict[str, Any]] = {
    "Conncheck-Job-Id": {"description": "The job's id", "schema": {"type": "string"}},
    "Link": {
        "description": "The job's URL, with rel=describedby (RFC 8288)",
        "schema": {"type": "string"},
    },
}
"""The headers of a response that name its job."""


def accepted_as_job(what: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of a 202, after which `what` continues as a job."""
    return {
        202: {
            "description": f"With Prefer: respond-async, {what} continues as a job",
            "model": JobAccepted,
            "headers": {"Location": {"schema": {"type": "string"}}, **NAMING},
        }
    }


def serve_description(app: FastAPI) -> None:
    """Serve what `describe` returns: written once, as anybody may ask for it, without a token."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign] # FastAPI's way to do it

    @cache
    def written() -> bytes:
        return json.dumps(app.openapi(), separators=(",", ":")).encode()

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> Response:
        return Response(written(), media_type="application/json")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; FastAPI would describe its own problems, as plain JSON."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        for path in document["paths"].values():
            for operation in path.values():
                _describe_problems(operation["responses"])
        for unused in ("FoundCause", "HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        document["components"]["schemas"]["BatchRow"] = _row_of_a_batch()
        app.openapi_schema = document
    return app.openapi_schema


def _row_of_a_batch() -> dict[str, Any]:
    """Return the schema of a row of an upload, which no call has as its body."""
    schema = BatchRow.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")  # those of a single test's request
    return schema


def _describe_problems(responses: dict[str, dict[str, Any]]) -> None:
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
        if status == "422":
            response["description"] = _PROBLEMS[422]["description"]
