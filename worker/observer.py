"""Observers of steps, in addition to the job's stream and the log."""

from dataclasses import dataclass
from datetime import datetime

from shared.diagnosis.entries import Queued, StepEnded
from shared.request.message import JobMessage
from shared.store.jobs.run import Run
from shared.tracing import Tracer
from worker.metrics import Metrics
from worker.recorder import Observer


@dataclass(frozen=True, slots=True)
class Observers:
    """The observers of one worker: its metrics and, if they are enabled, traces."""

    metrics: Metrics | None = None
    tracer: Tracer | None = None

    def of(self, message: JobMessage, run: Run) -> Observer:
        """Return the observer of the job of `message`, whose queue time ends now."""
        metrics, tracer, parent = self.metrics, self.tracer, message.traceparent
        product = message.request.product_type
        if tracer and parent:
            queued = next((e for e in run.earlier if isinstance(e, Queued)), None)
            now = run.now()
            # The API's clock may be ahead of this one; no span ends before it begins.
            began_at = min(queued.at, now) if queued else now
            tracer.over("queue", parent, began_at, now, job=run.job_id, site=run.job.site)

        def observe(began_at: datetime, ended: StepEnded) -> None:
            if metrics:
                metrics.count(product, ended)
            if tracer and parent:
                cause = ended.causes[0].code if ended.causes else ""
                tracer.over(
                    *(ended.step, parent, began_at, ended.at),
                    job=run.job_id,
                    site=run.job.site,
                    outcome=ended.outcome,
                    cause=cause,
                )

        return observe
