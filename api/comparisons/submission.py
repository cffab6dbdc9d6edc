"""Accept a comparison once, however often the same request arrives."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from api.access.caller import Caller
from api.access.rate import RequestRate
from api.comparisons.comparisons import Comparisons
from api.comparisons.views import no_such_comparison
from api.jobs.jobs import Jobs, refused, too_many_kept
from api.jobs.submission import audit_refused, refused_if_reused
from api.problems import ApiProblemError, unavailable
from shared.comparison.record import Comparison, Part, Standing
from shared.diagnosis.outcomes import Fact, Failed
from shared.diagnosis.sentences import Sentence
from shared.queue.job_queue import QueueUnreachableError
from shared.queue.queued_job import INTERACTIVE
from shared.request.message import ComparedPart
from shared.request.options import REVEAL
from shared.sites.site_choice import MOST_NAMED, SITE_UNKNOWN
from shared.steps import StepName
from shared.store.errors import StoreUnreachableError
from shared.store.idempotency import Claim
from shared.store.jobs.job_creation import NewJob
from shared.wire.comparisons import EVERY_SITE, MOST_SITES, ComparisonRequest
from shared.wire.problems import InvalidField

_BEFORE_SIGN_IN: Final[StepName] = "product_identify"


async def submit(
    comparisons: Comparisons,
    request: ComparisonRequest,
    caller: Caller,
    rate: RequestRate,
    key: str | None,
) -> str:
    """Return the id of the comparison for this request: a new one, or the one of the key.

    Raises:
        ApiProblemError: 403, 422, 429: nothing was accepted; 503: the same, but with a key the
            outcome is unknown: repeat the request; 404: what the key created has expired.
        StoreUnreachableError: the outcome is unknown.
    """
    sites = _sites_of(comparisons.jobs, request, caller)
    claim = _claim(request, caller, key)
    with refused_if_reused():
        if claim and (known := await comparisons.jobs.idempotency.result_of(claim)):
            if await comparisons.store.standing(known) is None:
                raise no_such_comparison()
            return known
        await _take_rate(request, caller, rate, sites)
        return await _create(comparisons, request, caller, sites, claim)


async def _create(
    comparisons: Comparisons,
    request: ComparisonRequest,
    caller: Caller,
    sites: Sequence[str],
    claim: Claim | None,
) -> str:
    jobs = comparisons.jobs
    first_alive = await _first_alive(jobs, sites)
    new_id = jobs.watch.new_job_id()
    comparison, of_sites = await _prepared(jobs, request, caller, sites, first_alive)
    comparison_id = await comparisons.store.create(new_id, comparison, of_sites, claim)
    try:
        standing = await comparisons.comparer.advance(comparison_id)
    except (QueueUnreachableError, StoreUnreachableError):
        return comparison_id  # it is kept: the comparer goes on as soon as it can
    if standing and standing.is_over and not standing.jobs:
        await comparisons.store.discard(comparison_id, claim)
        raise await _why_none(jobs, standing)
    return comparison_id


def _sites_of(jobs: Jobs, request: ComparisonRequest, caller: Caller) -> Sequence[str]:
    """Return the sites to test from, each of which the caller may use for this test.

    Raises:
        ApiProblemError: 403, 422: one of them is not there, or not for this caller.
    """
    declared = jobs.sites.sites.names()
    named, is_every = list(request.sites), request.sites == (EVERY_SITE,)
    if is_every:
        named = [site for site in declared if caller.may_use(site)]
    if len(named) > MOST_SITES:
        error = InvalidField(field="sites", reason="is too long")
        raise ApiProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, kind="invalid-request", errors=[error]
        )
    for place, site in enumerate(named):
        _check(jobs, request, caller, site, "sites" if is_every else f"sites.{place}")
    return named


def _check(jobs: Jobs, request: ComparisonRequest, caller: Caller, site: str, field: str) -> None:
    allowed = ""
    try:
        jobs.sites.site_for(request.endpoint, site, caller.may_use)
        allowed, field = site, ""
        jobs.policy.check(request.test, caller.policy_at(site))
    except Failed as failed:
        if failed.cause is not SITE_UNKNOWN:
            audit_refused(request, caller, failed.cause.code, allowed)
        raise refused(failed, field) from None


def _claim(request: ComparisonRequest, caller: Caller, key: str | None) -> Claim | None:
    if key is None:
        return None
    return caller.claim(key, request.model_dump_json(by_alias=True, context=REVEAL).encode())


async def _take_rate(
    request: ComparisonRequest, caller: Caller, rate: RequestRate, sites: Sequence[str]
) -> None:
    try:
        await rate.take_at_all(caller, request.target_name, sites)
    except ApiProblemError:
        audit_refused(request, caller, "rate-limited", ",".join(sites))
        raise


async def _first_alive(jobs: Jobs, sites: Sequence[str]) -> str:
    """Return the first site that has a worker.

    Raises:
        ApiProblemError: 503, none has.
    """
    for site in sites:
        if await jobs.store.at(site).workload.is_served(INTERACTIVE):
            return site
    raise _no_worker(sites)


async def _prepared(
    jobs: Jobs,
    request: ComparisonRequest,
    caller: Caller,
    sites: Sequence[str],
    first_alive: str,
) -> tuple[Comparison, Mapping[str, NewJob]]:
    """Return the comparison, and a job for each site, sealed and signed."""
    test, takes_turns = request.test, request.sign_in == "all"
    of_sites: dict[str, NewJob] = {}
    parts: list[Part] = []
    for place, site in enumerate(sites):
        signs_in = takes_turns or site == first_alive
        compared = ComparedPart(ends_after=None if signs_in else _BEFORE_SIGN_IN)
        waits_s = place * jobs.deadline_s(test) if takes_turns else 0
        job_id = jobs.watch.new_job_id()
        of_sites[site] = await jobs.new_job(test, caller, job_id, site, compared, waits_s)
        parts.append(Part(site=site, job_id=job_id, signs_in=signs_in))
    comparison = Comparison(
        tenant=caller.tenant,
        product_type=test.product_type,
        endpoint=str(test.target),
        sign_in=request.sign_in,
        steps=test.steps,
        created_at=of_sites[sites[0]].queued.at,
        start_by=max(job.start_by for job in of_sites.values()),
        parts=tuple(parts),
    )
    return comparison, of_sites


async def _why_none(jobs: Jobs, standing: Standing) -> ApiProblemError:
    """Return the problem for a comparison none of whose sites could take its job.

    Raises:
        StoreUnreachableError: nothing was accepted.
    """
    reasons = standing.left_out.values()
    if "too_many_kept" in reasons:
        return too_many_kept(await jobs.store.creation.why_no_room(standing.comparison.tenant))
    if "queue_full" in reasons:
        return unavailable("The queues of these sites are full.", "queue-full")
    return _no_worker([part.site for part in standing.comparison.parts])


def _no_worker(sites: Sequence[str]) -> ApiProblemError:
    facts: dict[str, Fact] = {"sites": tuple(sites[:MOST_NAMED])}
    detail = Sentence("No worker is alive at any of these sites: {sites}.", facts)
    return unavailable(detail, "no-worker")
