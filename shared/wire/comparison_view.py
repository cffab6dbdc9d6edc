"""Show a comparison: a column for each site, a row for each step."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from shared.comparison.compare import differences_between
from shared.comparison.marks import marks
from shared.comparison.record import Part, Standing, WhyNot
from shared.diagnosis.outcomes import Facts
from shared.diagnosis.report import DetailedItem
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language
from shared.endpoint import parse_endpoint
from shared.steps import StepName
from shared.wire.comparisons import (
    ComparedResult,
    ComparedSite,
    ComparedStep,
    ComparisonStatus,
    ComparisonView,
    ShownDifference,
    SiteStatus,
)
from shared.wire.jobs import outcome_of, status_url

_WHY_NOT: Final[Mapping[WhyNot, Sentence]] = {
    "no_worker": Sentence("No worker of this site is alive."),
    "sign_in_failed": Sentence(
        "Not tested, so that the account is not locked: the sign-in from another site failed."
    ),
    "queue_full": Sentence("Too many tests were waiting for this site's workers."),
    "too_many_kept": Sentence("Too many results of this tenant are kept."),
    "cancelled": Sentence("The comparison was cancelled before this site was tested."),
    "late": Sentence("The tests from other sites took too long."),
}
_NOT_PART: Final = Sentence("Not part of the test from this site: another site signs in.")


def comparison_view(
    comparison_id: str,
    standing: Standing,
    result_ttl_s: int,
    egress: Mapping[str, Sequence[str]],
    language: Language = "en",
) -> ComparisonView:
    """Return a comparison as it stands, with its texts in `language`.

    `egress` are the public addresses of the sites' connections, by site.
    """
    compared, jobs = standing.comparison, standing.jobs
    by_site = {part.site: jobs.get(part.site) for part in compared.parts}
    found = differences_between(by_site, egress) if standing.is_over else ()
    marked = marks(found)
    known = _known(compared.endpoint)
    finished_at = _finished_at(standing)
    return ComparisonView(
        comparison_id=comparison_id,
        status=_status(standing),
        sign_in=compared.sign_in,
        product_type=compared.product_type,
        endpoint=compared.endpoint,
        sites=tuple(_column(standing, part, language) for part in compared.parts),
        steps=tuple(
            ComparedStep(
                name=step,
                differs=any(at == step for at, _ in marked),
                results=tuple(
                    _cell(standing, part, step, language).model_copy(
                        update={"differs": (step, part.site) in marked}
                    )
                    for part in compared.parts
                ),
            )
            for step in compared.steps
        ),
        differences=tuple(ShownDifference.of(one, known, language) for one in found),
        created_at=compared.created_at,
        finished_at=finished_at,
        expires_at=expires_at(standing, result_ttl_s),
    )


def expires_at(standing: Standing, result_ttl_s: int) -> datetime:
    """Return when the comparison is deleted: no later than the first of its jobs.

    Before it is over, it is kept for as long as it can take, and then for `result_ttl_s`.
    """
    ends = [job.finished_at for job in standing.jobs.values() if job.finished_at]
    first = min(ends, default=standing.comparison.start_by)
    begin = first if standing.is_over else standing.comparison.start_by
    return begin + timedelta(seconds=result_ttl_s)


def _finished_at(standing: Standing) -> datetime | None:
    if not standing.is_over:
        return None
    ends = [job.finished_at for job in standing.jobs.values() if job.finished_at]
    return max(ends, default=standing.comparison.created_at)


def _status(standing: Standing) -> ComparisonStatus:
    if not standing.is_over:
        return "running"
    return "cancelled" if standing.is_cancelled else "finished"


def _column(standing: Standing, part: Part, language: Language) -> ComparedSite:
    job, why_not = standing.jobs.get(part.site), standing.left_out.get(part.site)
    is_there = job is not None
    status: SiteStatus = job.status if job else "not_tested" if why_not else "waiting"
    return ComparedSite(
        site=part.site,
        job_id=part.job_id if is_there else None,
        status_url=status_url(part.job_id) if is_there else None,
        status=status,
        outcome=outcome_of(job) if job else None,
        signs_in=part.signs_in,
        reason=_WHY_NOT[why_not].in_language(language) if why_not and not is_there else "",
    )


def _cell(standing: Standing, part: Part, step: StepName, language: Language) -> ComparedResult:
    job = standing.jobs.get(part.site)
    if job is None:
        outcome = "skipped" if part.site in standing.left_out else None
        return ComparedResult(site=part.site, outcome=outcome)
    item = next((one for one in job.items if one.name == step), None)
    if item:
        return _result(part.site, item.in_language(language))
    if step in job.steps_to_come:
        return ComparedResult(site=part.site, outcome=None)
    summary = _NOT_PART.in_language(language)
    return ComparedResult(site=part.site, outcome="not_part", summary=summary)


def _result(site: str, item: DetailedItem) -> ComparedResult:
    is_made = item.outcome != "skipped"
    return ComparedResult(
        site=site,
        outcome=item.outcome,
        cause=item.cause,
        doc_url=item.doc_url,
        summary=item.summary,
        took_ms=item.took_ms if is_made else None,
    )


def _known(endpoint: str) -> Facts:
    """Return what the texts name of an endpoint, which is complete; that of tcp has no scheme."""
    target = parse_endpoint(endpoint)
    return {"host": target.server_name, "port": target.port or 0}
