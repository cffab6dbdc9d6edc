"""Enforce the callers' rate limits, and report how much is left."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request

from api.access.caller import Caller
from api.problems import ApiProblemError
from shared.diagnosis.sentences import Sentence
from shared.store.limits.quotas import TARGET, TARGETS, TOKEN, Quota, RateExceededError
from shared.store.limits.rate_limits import RateLimits
from shared.store.site_keys import SiteKeys

_WHAT = {
    TOKEN: "tests per minute with this token",
    TARGET: "tests per minute of one host and port",
    TARGETS: "different hosts and ports per minute with this token",
}


class Rate(Protocol):
    """Counts the test of a request."""

    async def take(self, caller: Caller, target: str, site: str) -> None:
        """Count a test of `target` at a site.

        Raises:
            ApiProblemError: 429, one of the limits would be exceeded.
            StoreUnreachableError: the outcome is unknown.
        """


class RequestRate:
    """Counts the test of one request against the limits that all API processes share."""

    def __init__(self, request: Request, limits: RateLimits) -> None:
        self._state = request.state
        self._limits = limits

    async def take(self, caller: Caller, target: str, site: str) -> None:
        """Count a test, as in Rate; keep the RateLimit header fields for the response."""
        await self.take_at_all(caller, target, [site])

    async def take_at_all(self, caller: Caller, target: str, sites: Sequence[str]) -> None:
        """Count a test at each of several sites; the errors are those of `take`."""
        try:
            quota = await self._limits.take(
                caller.name,
                caller.tests_per_minute,
                caller.targets_per_minute,
                target,
                [*map(SiteKeys.of, sites)],
            )
        except RateExceededError as error:
            raise _exceeded(error.quota) from None
        self._keep(quota)

    async def take_call(self, caller: Caller) -> None:
        """Count a call that tests nothing and costs as much; the errors are those of `take`."""
        try:
            quota = await self._limits.take_call(caller.name, caller.tests_per_minute)
        except RateExceededError as error:
            raise _exceeded(error.quota) from None
        self._keep(quota)

    def _keep(self, quota: Quota | None) -> None:
        if quota:
            # The front door adds them to the response, whatever it is.
            self._state.headers = headers_of(quota)


def headers_of(quota: Quota) -> dict[str, str]:
    """Return the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.limit};w=60',
        "RateLimit": f'"{quota.name}";r={quota.remaining};t={quota.reset_s}',
    }


def _exceeded(quota: Quota) -> ApiProblemError:
    return ApiProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        Sentence(
            "Too many {what}: the limit is {limit}. Try again in {reset_s} s.",
            {"what": _WHAT[quota.name], "limit": quota.limit, "reset_s": quota.reset_s},
        ),
        kind="rate-limited",
        headers={"Retry-After": str(quota.reset_s), **headers_of(quota)},
    )
