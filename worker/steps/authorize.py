"""Find out what the key pair is allowed to do."""

from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.http import Flow
from worker.deadline import Deadline
from worker.http.exchange import Exchange

T = TypeVar("T")

FLOW_S = 15.0

PERMISSIONS_NOT_CHECKED = Cause(
    code="policy.permissions_not_checked",
    owner="us",
    severity="warning",
    summary=(
        "The key pair is correct, but its permissions were not checked: a policy or a limit of "
        "this service does not allow to connect to {host} port {port}"
    ),
    remedies=(
        "Ask the operators of this service to allow {host} port {port}, or to raise the limit.",
    ),
)


def authorize(exchange: Exchange, flow: Flow[Passed[T]], deadline: Deadline) -> Passed[T | None]:
    """Return the result of the product's own `flow`, which may take FLOW_S.

    If it leads to another host that a policy or a limit of ours forbids, nothing is known of the
    permissions, and the platform is not to blame.

    Raises:
        Failed: with a cause of the product or of worker.http.exchange.
    """
    try:
        return exchange.follow(flow, deadline.at_most(FLOW_S))
    except Failed as failed:
        if not failed.cause.is_policy:
            raise
        facts = failed.finding.facts
        place = {name: facts[name] for name in ("host", "port") if name in facts}
        return Passed(None, Finding(PERMISSIONS_NOT_CHECKED, place), *failed.findings)
