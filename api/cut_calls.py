"""Answer the calls that are cut when the API stops."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.language import preferred
from api.problems import unavailable

_CUT = unavailable(
    "This server is stopping; jobs that were accepted go on. Send the request again.",
    "stopping",
    retry_after_s=1,
)
_CUT.headers["Connection"] = (
    "close"  # of calls sent one behind the other uvicorn ends the last only
)


class CutCalls:
    """ASGI middleware; uvicorn would answer such a call with a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; answer it if uvicorn cancels it before it is answered."""
        is_answered = False

        async def noticing(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, noticing)
        except asyncio.CancelledError:
            if is_answered or scope["type"] != "http":
                raise
            await _CUT.response(preferred(Headers(scope=scope)))(scope, receive, send)
