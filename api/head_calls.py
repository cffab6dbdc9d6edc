"""Answer HEAD wherever GET is answered (RFC 9110 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadCalls:
    """ASGI middleware; FastAPI would answer 405."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as the GET with the same headers, and end it where its body begins."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                # The server tells a stream, which has no end of its own, that its reader has gone.
                await send({"type": "http.response.body"})

        await self._app({**scope, "method": "GET"}, receive, without_body)
