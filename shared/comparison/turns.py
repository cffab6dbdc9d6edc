"""Decide which site is asked next, so that a comparison locks no account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.comparison.record import Part, Standing, WhyNot
from shared.diagnosis.report import Job


@dataclass(frozen=True, slots=True)
class Turns:
    """What is to be done next."""

    begin: Sequence[Part] = ()
    leave_out: Mapping[str, WhyNot] = field(default_factory=dict)
    """The sites that are not to be asked any more."""


def next_turns(standing: Standing) -> Turns:
    """Return which jobs of a comparison are to be created, and which never will.

    What it decides stays right: a closed job does not change. So it does not matter who decides,
    nor how often.
    """
    untouched = [one for one in standing.comparison.parts if _is_untouched(standing, one)]
    if standing.is_cancelled:
        return Turns(leave_out={one.site: "cancelled" for one in untouched})
    if standing.comparison.sign_in == "first":
        return Turns(begin=untouched)
    return _in_turn(standing, untouched)


def _in_turn(standing: Standing, untouched: Sequence[Part]) -> Turns:
    """Return the first of the `untouched` parts, if it may sign in now."""
    if any(map(may_have_failed_to_sign_in, standing.jobs.values())):
        return Turns(leave_out={one.site: "sign_in_failed" for one in untouched})
    if not all(job.is_closed for job in standing.jobs.values()):
        return Turns()
    return Turns(begin=untouched[:1])


def may_have_failed_to_sign_in(job: Job) -> bool:
    """Return whether the platform may have counted a failed sign-in of a job.

    A key pair that was withheld is one that the platform has rejected a moment before.
    """
    steps = {item.name: item for item in job.made}
    if signed_in := steps.get("authenticate"):
        return signed_in.outcome == "failed"
    # Whoever was stopped behind this step may have been stopped while it signed in.
    reached = steps.get("product_identify")
    is_stopped = job.status in ("cancelled", "lost")
    return is_stopped and reached is not None and reached.outcome != "failed"


def _is_untouched(standing: Standing, part: Part) -> bool:
    return part.site not in standing.jobs and part.site not in standing.left_out
