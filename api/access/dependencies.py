"""FastAPI dependencies for the caller and the rate limits."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.access.caller import Caller, Scope
from api.access.rate import Rate, RequestRate
from api.problems import ApiProblemError
from shared.diagnosis.sentences import Sentence

# The front door has already checked the token; this documents it in the OpenAPI document.
bearer = HTTPBearer(
    auto_error=False,
    description="A token of the service, or a JSON Web Token of its OpenID provider.",
)


def _with_scope(*scopes: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that gives the caller if it has one of `scopes` (RFC 6750 3.1)."""

    async def caller_of(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if caller.may(*scopes):
            return caller
        raise ApiProblemError(
            HTTPStatus.FORBIDDEN,
            Sentence(
                "This token does not have the scope {scope}[ or {other}].",
                dict(zip(("scope", "other"), scopes, strict=False)),
            ),
            kind="insufficient-scope",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scopes[0]}"'},
        )

    return caller_of


async def _rate(request: Request) -> RequestRate:
    return RequestRate(request, request.app.state.limits)


RateDep = Annotated[Rate, Depends(_rate)]


CallRateDep = Annotated[RequestRate, Depends(_rate)]


TesterDep = Annotated[Caller, Depends(_with_scope("test"))]


bulk_tester = _with_scope("bulk")
BulkTesterDep = Annotated[Caller, Depends(bulk_tester)]


JobReaderDep = Annotated[Caller, Depends(_with_scope("read", "test"))]


BatchReaderDep = Annotated[Caller, Depends(_with_scope("read", "bulk"))]


SiteReaderDep = Annotated[Caller, Depends(_with_scope("read", "test", "bulk"))]
