"""The public view of a comparison, and waiting for it to change."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple

from api.comparisons.comparisons import Comparisons
from api.jobs.views import is_job_id
from api.problems import ApiProblemError
from shared.comparison.record import Comparison, Standing
from shared.diagnosis.translations import Language
from shared.store.comparisons.comparison_store import comparison_key
from shared.store.jobs.job_watch import look_after
from shared.store.site_keys import SiteKeys
from shared.wire.comparison_view import comparison_view
from shared.wire.comparisons import ComparisonView


class Shown(NamedTuple):
    """A comparison as its caller sees it, with its ETag."""

    tag: str
    view: ComparisonView
    standing: Standing


def no_such_comparison() -> ApiProblemError:
    """Return the same problem for what does not exist and for what is another tenant's."""
    return ApiProblemError(
        HTTPStatus.NOT_FOUND, "There is no such comparison.", kind="no-such-comparison"
    )


async def look(
    comparisons: Comparisons, comparison_id: str, tenant: str, language: Language
) -> Shown:
    """Return the tenant's own comparison.

    Raises:
        ApiProblemError: 404, it does not exist or is not the tenant's.
        StoreUnreachableError: the outcome is unknown.
    """
    standing = None
    if is_job_id(comparison_id):
        standing = await comparisons.store.standing(comparison_id)
    if standing is None or standing.comparison.tenant != tenant:
        raise no_such_comparison()
    ttl_s = comparisons.jobs.store.result_ttl_s
    view = comparison_view(comparison_id, standing, ttl_s, comparisons.egress(), language)
    digest = sha256(view.model_dump_json().encode()).hexdigest()
    return Shown(f'"{digest[:32]}-{language}"', view, standing)


async def look_until(
    comparisons: Comparisons,
    comparison_id: str,
    tenant: str,
    language: Language,
    is_enough: Callable[[Shown], bool],
    wait_s: float,
) -> Shown:
    """Return the comparison once it `is_enough`, or as it is after `wait_s`.

    Raises:
        ApiProblemError: 404, as `look`.
        StoreUnreachableError: the outcome is unknown.
    """
    shown = await look(comparisons, comparison_id, tenant, language)
    try:
        async with (
            asyncio.timeout(wait_s),
            changes_of(comparisons, comparison_id, shown.standing.comparison) as changed,
        ):
            while not is_enough(shown):

                async def again() -> Shown:
                    return await look(comparisons, comparison_id, tenant, language)

                shown = await look_after(changed, again)
    except TimeoutError:
        return await look(comparisons, comparison_id, tenant, language)
    return shown


def changes_of(
    comparisons: Comparisons, comparison_id: str, comparison: Comparison
) -> AbstractAsyncContextManager[asyncio.Event]:
    """Give an event that is set whenever the comparison, or a job of it, may have changed."""
    jobs = [SiteKeys.of(part.site).job(part.job_id) for part in comparison.parts]
    return comparisons.jobs.watch.changes_of_any([comparison_key(comparison_id), *jobs])
