from datetime import UTC, datetime, timedelta

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.diagnosis.entries import StepEnded
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.tracing import Tracer
from tests.running.service import a_request
from tests.worker.jobs import Jobs, queued_job
from worker.metrics import Metrics
from worker.observer import Observers

CALL = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOW = datetime.now(UTC)
ENDED = StepEnded(at=NOW, step="dns_lookup", outcome="passed", took_ms=3)


def message(traceparent: str = "") -> JobMessage:
    request = JobRequest.model_validate(a_request("192.0.2.1:8080"))
    return JobMessage(request=request, budget_s=30, start_by=NOW, traceparent=traceparent)


def traced(traceparent: str) -> InMemorySpanExporter:
    """Return the spans of a job of which one step ended."""
    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observers = Observers(tracer=Tracer(provider))
    observe = observers.of(message(traceparent), queued_job().begin())
    observe(NOW - timedelta(milliseconds=3), ENDED)
    return spans


def test_a_step_is_counted_for_its_product() -> None:
    """Which product fails is what an operator asks next."""
    metrics = Metrics("bulk", 1)
    Observers(metrics).of(message(), queued_job().begin())(NOW, ENDED)

    assert b'product="zstack",step="dns_lookup"' in metrics.text().replace(
        b'outcome="passed",', b""
    )


def test_a_step_and_the_time_in_the_queue_are_spans_of_the_call() -> None:
    """A trace that falls apart is of no use to anybody."""
    spans = traced(CALL).get_finished_spans()

    assert [span.name for span in spans] == ["queue", "dns_lookup"]
    for span in spans:
        assert (span.attributes or {})["conncheck.site"] == "default"
        assert span.parent
        assert f"{span.parent.span_id:016x}" == CALL.split("-")[2]
    step = spans[1]
    assert (step.end_time or 0) - (step.start_time or 0) == 3_000_000


def test_the_time_in_the_queue_is_never_negative() -> None:
    """The API's clock may be ahead of the worker's."""
    (job := Jobs()).queue(at=NOW + timedelta(hours=1))
    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))

    Observers(tracer=Tracer(provider)).of(message(CALL), job.begin())

    (queue,) = spans.get_finished_spans()
    assert queue.start_time == queue.end_time


def test_a_job_that_nobody_traces_makes_no_span() -> None:
    """An API without traces may have workers with them."""
    assert traced("").get_finished_spans() == ()
