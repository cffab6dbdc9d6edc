"""Choose the site that tests what a caller asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.endpoint import Endpoint
from shared.sites.sites_file import near_names
from shared.sites.watched_sites import WatchedSites

MOST_NAMED: Final = 20
"""Sites that a refusal names."""

SITE_UNKNOWN = Cause(
    code="input.site_unknown",
    owner="caller",
    summary="This service has no such site[; choose {sites}][. Nearest: {similar}]",
    remedies=(
        "[Set options.site to one of these sites: {sites}.]",
        "Remove options.site: this service chooses the site then.",
    ),
    field="options.site",
)
SITE_BLOCKED = Cause(
    code="policy.site_blocked",
    owner="caller",
    summary=(
        "This token is not allowed to test from this site[, which is the one for {host}]"
        "[; it may test from {sites}]"
    ),
    remedies=(
        "[Set options.site to one of these sites: {sites}.]",
        "Ask the operators of this service to allow the site for this token.",
    ),
    field="options.site",
)


@dataclass(frozen=True, slots=True)
class SiteChoice:
    """Chooses among the sites that are declared now."""

    sites: WatchedSites

    def site_for(
        self, endpoint: Endpoint, named: str | None, may_use: Callable[[str], bool]
    ) -> str:
        """Return the site that is `named`; else the one whose rule matches `endpoint`.

        A refusal names only sites that the caller `may_use`, and is the same for other sites
        whether they exist or not.

        Raises:
            Failed: SITE_BLOCKED or SITE_UNKNOWN.
        """
        if named is None:
            site = self.sites.site_for(endpoint).name
            if not may_use(site):
                raise Failed(SITE_BLOCKED, host=endpoint.server_name, **self._usable(may_use))
            return site
        if not may_use(named):
            raise Failed(SITE_BLOCKED, **self._usable(may_use))
        if self.sites.site(named) is None:
            usable = self._names(may_use)
            similar = near_names(named, usable)
            near: dict[str, Fact] = {"similar": similar} if similar else {}
            raise Failed(SITE_UNKNOWN, **self._usable(may_use), **near)
        return named

    def _usable(self, may_use: Callable[[str], bool]) -> dict[str, Fact]:
        names = tuple(islice(self._names(may_use), MOST_NAMED))
        return {"sites": names} if names else {}

    def _names(self, may_use: Callable[[str], bool]) -> list[str]:
        return [*filter(may_use, self.sites.names())]
