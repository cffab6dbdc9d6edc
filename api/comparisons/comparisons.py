"""What the calls for comparisons use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.comparisons.comparer import Comparer
from api.jobs.jobs import Jobs
from shared.store.comparisons.comparison_store import ComparisonStore


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Everything that is needed to compare what sites see of a platform."""

    store: ComparisonStore
    comparer: Comparer
    jobs: Jobs

    def egress(self) -> Mapping[str, Sequence[str]]:
        """Return the public addresses of each site's connections, as they are declared now."""
        return {one.name: one.egress_texts for one in self.jobs.sites.sites.sites()}


# A coroutine, since FastAPI would run a plain function in a thread.
async def _comparisons(request: Request) -> Comparisons:
    comparisons: Comparisons = request.app.state.comparisons
    return comparisons


ComparisonsDep = Annotated[Comparisons, Depends(_comparisons)]
