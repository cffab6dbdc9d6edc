"""Test a platform with the real pipeline, in this process, over real sockets."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

from shared.diagnosis.entries import StepEnded
from shared.diagnosis.outcomes import Failed
from shared.request import JobRequest
from tests.worker.jobs import queued_job
from worker.deadline import Deadline
from worker.investigations.investigator import Investigator
from worker.journaled_run import known_facts
from worker.pipeline import run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.site import Site
from worker.tcp.address_guard import AddressGuard
from worker.tls.trust import Trust

LOOPBACK = ip_network("127.0.0.0/8")


class Outcome:
    """What became of the steps, by name."""

    def __init__(self, ended: Mapping[str, StepEnded]) -> None:
        self.ended = ended

    @property
    def cause(self) -> tuple[str, str] | None:
        """The failed step and the code of its primary cause, None where all went well."""
        failed = [e for e in self.ended.values() if e.outcome == "failed"]
        return (failed[0].step, failed[0].causes[0].code) if failed else None

    @property
    def warnings(self) -> set[str]:
        """The codes of all warnings."""
        return {c.code for e in self.ended.values() if e.outcome == "warning" for c in e.causes}

    def facts(self, step: str) -> Mapping[str, Any]:
        """Return the facts that a step found."""
        return self.ended[step].facts


def outcome_of(product: str, endpoint: str, keys: Mapping[str, str], **options: Any) -> Outcome:
    """Return what the pipeline finds; a "sessionToken" among the keys becomes an option."""
    token = {"sessionToken": keys["sessionToken"]} if "sessionToken" in keys else {}
    request = JobRequest.model_validate(
        {
            "productType": product,
            "endpoint": endpoint,
            "accessKey": keys["accessKey"],
            "secretKey": keys["secretKey"],
            "options": {**token, **options},
        }
    )
    jobs, deadline = queued_job(), Deadline.after(30)
    site = Site(AddressGuard([LOOPBACK]), Trust(), Investigator(budget_s=1.0))
    redact = Redactor(request.credentials)
    step = Recorder(jobs.begin(), known_facts(request), redact, deadline, site.investigate)
    with suppress(Failed):  # the entries tell
        run_steps(request, site, lambda: None, step, deadline)
    step.finish()
    return Outcome({e.step: e for e in jobs.entries() if isinstance(e, StepEnded)})
