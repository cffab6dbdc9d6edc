"""Who else is told when a step ends, beside the job's stream and the log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.diagnosis.entries import Queued, StepEnded
from shared.request import JobMessage
from shared.store.jobs.run_store import Run
from shared.tracing import Tracer
from worker.metrics import Metrics

Observer = Callable[[datetime, StepEnded], None]
"""Is told when a step of one job began, and how it ended; it must be quick and never raise."""


def nobody(_: datetime, __: StepEnded) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Observers:
    """Those of one worker: its figures, and the traces where they are wanted."""

    metrics: Metrics | None = None
    tracer: Tracer | None = None

    def of(self, message: JobMessage, run: Run) -> Observer:
        """Return who watches the job of `message`; its time in the queue is over now."""
        metrics, tracer, parent = self.metrics, self.tracer, message.traceparent
        product = message.request.product_type
        if tracer and parent:
            queued = next((e for e in run.earlier if isinstance(e, Queued)), None)
            began_at = queued.at if queued else datetime.now(UTC)
            tracer.over("queue", parent, began_at, datetime.now(UTC), job=run.job_id)

        def observe(began_at: datetime, ended: StepEnded) -> None:
            if metrics:
                metrics.count(product, ended)
            if tracer and parent:
                cause = ended.causes[0].code if ended.causes else ""
                tracer.over(
                    *(ended.step, parent, began_at, ended.at),
                    job=run.job_id,
                    outcome=ended.outcome,
                    cause=cause,
                )

        return observe
