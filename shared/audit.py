"""Write the audit log: one line per job, with tenant, target and result, and without secrets."""

import logging
import re
from collections.abc import Sequence

from shared.diagnosis.entries import Closed, Entry, Queued, StepEnded
from shared.steps import INSPECTION

_log = logging.getLogger("conncheck.audit")
_CODE = re.compile("[a-z0-9_.]{0,64}")


def audit(job_id: str, entries: Sequence[Entry]) -> None:
    """Log the end of the job that `entries` describe; the first and the last entry are enough."""
    queued = next((entry for entry in entries if isinstance(entry, Queued)), None)
    closed = next((entry for entry in entries if isinstance(entry, Closed)), None)
    if queued is None or closed is None:
        return
    ended = [entry for entry in entries if isinstance(entry, StepEnded)]
    failed = next((entry for entry in ended if entry.outcome == "failed"), None)
    passed = closed.status == "finished" and failed is None
    _log.info(
        "audit",
        extra={
            "fields": {
                "job": job_id,
                "action": "inspect" if queued.steps == INSPECTION else "test",
                "tenant": queued.tenant,
                "token": queued.token_name,
                "client": queued.client,
                "product": queued.product_type,
                "endpoint": queued.endpoint,
                "site": queued.site,
                "queuedAt": queued.at.isoformat(timespec="milliseconds"),
                "status": closed.status,
                "outcome": "passed" if passed else "failed",
                "step": failed.step if failed else "",
                "cause": _cause_of(failed),
            }
        },
    )


def _cause_of(failed: StepEnded | None) -> str:
    """Return the code of the cause; a worker of a site may have told any text as one."""
    code = failed.causes[0].code if failed and failed.causes else ""
    return code if _CODE.fullmatch(code) else "self.unexplained"


def audit_refusal(
    *, tenant: str, token: str, client: str, cause: str, product: str = "", **what: str
) -> None:
    """Log a request that was refused because of the operator's policy, the token or a rate limit.

    `what` describes the request: an endpoint, or the number of rows of a batch.
    """
    _log.info(
        "audit",
        extra={
            "fields": {
                "tenant": tenant,
                "token": token,
                "client": client,
                "product": product,
                **what,
                "status": "refused",
                "outcome": "refused",
                "cause": cause,
            }
        },
    )
