"""Hold callers to their limits, and tell them how much is left."""

from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request

from api.access.caller import Caller
from api.problems import ProblemError
from shared.store.limits.rate_limits import TARGET, TARGETS, TOKEN, Quota, RateExceededError, RateLimits

_WHAT = {
    TOKEN: "tests a minute with this token",
    TARGET: "tests a minute of one host and port",
    TARGETS: "different hosts and ports a minute with this token",
}


class Rate(Protocol):
    """What counts the test of a request."""

    async def take(self, caller: Caller, target: str) -> None:
        """Count a test of `target`.

        Raises:
            ProblemError: 429, one of the limits would be passed.
            StoreUnreachableError: nobody knows.
        """


class RequestRate:
    """Counts the test of one request in the limits of all API processes."""

    def __init__(self, request: Request, limits: RateLimits) -> None:
        self._state = request.state
        self._limits = limits

    async def take(self, caller: Caller, target: str) -> None:
        """Count a test, as Rate says; leave the header fields for the answer behind."""
        try:
            quota = await self._limits.take(
                caller.name, caller.tests_per_minute, caller.targets_per_minute, target
            )
        except RateExceededError as error:
            raise _exceeded(error.quota) from None
        if quota:
            # The front door puts them on whatever the answer will be.
            self._state.headers = headers_of(quota)


def headers_of(quota: Quota) -> dict[str, str]:
    """Return the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.limit};w=60',
        "RateLimit": f'"{quota.name}";r={quota.remaining};t={quota.reset_s}',
    }


def _exceeded(quota: Quota) -> ProblemError:
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"There may be {quota.limit} {_WHAT[quota.name]}; try again in {quota.reset_s} s.",
        kind="rate-limited",
        headers={"Retry-After": str(quota.reset_s), **headers_of(quota)},
    )
