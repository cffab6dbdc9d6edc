"""Traces: one test as an OpenTelemetry collector is told of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.running.service import CALL, a_request, poll, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

TRACE, CALLERS_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Run a collector; give its address and the spans that it has been sent."""
    spans: list[Span] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raise NotImplementedError
            for resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()


def test_a_test_is_one_trace_from_the_call_over_the_queue_to_its_steps(tmp_path: Path) -> None:
    """Whoever looks for a slow call finds where the time went."""
    with (
        collector() as (url, spans),
        running_service(tmp_path, CONNCHECK_OTLP_ENDPOINT=url) as service,
        zstack_node(ZstackNode()) as (_, port),
        service.client() as client,
    ):
        client.headers["traceparent"] = f"00-{TRACE}-{CALLERS_SPAN}-01"
        answer = client.post(CALL, json=a_request(f"127.0.0.1:{port}"))
        assert answer.json()["success"] is True
        poll(lambda: len(spans) >= 8, within_s=30)

    by_name = {span.name: span for span in spans}
    call = by_name[f"POST {CALL}"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert call.parent_span_id.hex() == CALLERS_SPAN
    steps = {"dns_lookup", "tcp_connect", "http_response", "product_identify", "authenticate"}
    assert {"queue", *steps, "authorize"} <= set(by_name)
    assert {by_name[step].parent_span_id for step in (*steps, "queue")} == {call.span_id}
    assert by_name["queue"].start_time_unix_nano <= by_name["dns_lookup"].start_time_unix_nano
    assert not any(secret in str(span) for span in spans for secret in ("AKID", "SECRET"))


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded(tmp_path: Path) -> None:
    """What nobody asked for costs nothing."""
    with running_service(tmp_path) as service:
        for part in ("cli api", "worker --queue interactive"):
            maps = Path(f"/proc/{service.part(part)}/maps").read_text()
            assert "google/_upb" not in maps  # protobuf's own library comes with the exporter
