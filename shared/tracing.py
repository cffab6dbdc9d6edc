"""Trace a test with OpenTelemetry from the call to its last step.

Without CONNCHECK_OTLP_ENDPOINT, OpenTelemetry is not even imported.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

NO_TRACE: Final = ""


class TracingUnavailableError(Exception):
    """Raised if tracing is enabled but OpenTelemetry is not installed."""


class Tracer:
    """Creates spans of one part of the service and sends them to an OTLP endpoint over HTTP."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("conncheck")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def sending_to(cls, endpoint: str | None, part: str) -> "Tracer | None":
        """Return the tracer of `part` ("api" or "worker"); None without the collector's URL.

        Raises:
            TracingUnavailableError: OpenTelemetry is not installed.
        """
        if endpoint is None:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise TracingUnavailableError(
                "CONNCHECK_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
                "pip install 'conncheck[tracing]'"
            ) from None
        resource = Resource({"service.name": f"conncheck-{part}"})
        provider = TracerProvider(resource=resource)  # sends remaining spans when the process ends
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def span(
        self, name: str, parent: str = NO_TRACE, **attributes: str
    ) -> AbstractContextManager[Any]:
        """Return a context manager that is a span while it is open.

        `parent` is a traceparent (W3C Trace Context), from the caller or the span that queued the
        job.
        """
        return self._tracer.start_as_current_span(
            name, self._context(parent), attributes=_named(attributes), record_exception=False
        )

    def over(
        self, name: str, parent: str, began_at: datetime, ended_at: datetime, **attributes: str
    ) -> None:
        """Send a span of something that is already over."""
        span = self._tracer.start_span(
            name,
            self._context(parent),
            attributes=_named(attributes),
            start_time=_nanoseconds(began_at),
        )
        span.end(_nanoseconds(ended_at))

    def traceparent(self) -> str:
        """Return the traceparent of the span that is open now."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent", NO_TRACE)

    def _context(self, parent: str) -> Any:
        return self._propagator.extract({"traceparent": parent}) if parent else None


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {f"conncheck.{name}": value for name, value in attributes.items()}


def _nanoseconds(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1_000_000) * 1000
