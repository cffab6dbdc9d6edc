"""Open a span around each call of the API if tracing is on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.front_door import GUARDED
from shared.tracing import Tracer


class Traced:
    """ASGI middleware; the span is a child of the caller's span, if traceparent names one."""

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on within a span."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent", "")
        with self._tracer.span(scope["method"], parent) as span:
            await self._app(scope, receive, send)
            # The declared path: with ids in it, every job would be a separate span name.
            span.update_name(f"{scope['method']} {getattr(scope.get('route'), 'path', GUARDED)}")
