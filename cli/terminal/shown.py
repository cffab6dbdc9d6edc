"""What the views show: the results of this process, or what the client reads from a service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # For types only, because the client takes 50 ms to load, and a test in this process does not
    # need it.
    import conncheck_client as client
    from shared.diagnosis import report
    from shared.wire import inspections

    Contribution = report.Contribution | client.Contribution
    DetailedItem = report.DetailedItem | client.DetailedItem
    Inspection = inspections.Inspection | client.Inspection
    Report = report.Job | client.Report
    ShownCertificate = inspections.ShownCertificate | client.ShownCertificate


@dataclass(frozen=True, slots=True)
class LocalEvent:
    """What `conncheck_client.JobEvent` is for a test on a service."""

    kind: str
    step: str | None = None
    """The step that began or ended."""
    item: "report.DetailedItem | None" = None
    """The result of the step that ended."""
    steps: tuple[str, ...] = ()
    """The steps to come, where the job was queued."""


if TYPE_CHECKING:
    Event = LocalEvent | client.JobEvent
