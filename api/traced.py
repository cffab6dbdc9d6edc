"""Open a span around each call of the API, where calls are traced."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.front_door import GUARDED
from shared.tracing import Tracer


class Traced:
    """ASGI middleware; the span belongs to the caller's, if the call names one (traceparent)."""

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent", "")
        with self._tracer.span(scope["method"], parent) as span:
            await self._app(scope, receive, send)
            # The path as it was declared: with ids in it every job would be a name of its own.
            span.update_name(f"{scope['method']} {getattr(scope.get('route'), 'path', GUARDED)}")
