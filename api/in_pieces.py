"""Send bodies in small pieces, so that little waits in this process for a caller who takes none."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_BYTES = 16_384


class InPieces:
    """ASGI middleware; uvicorn waits for a caller between two pieces, and copies what it is given.

    Two thousand callers who took no answer to /openapi.json, for which nobody needs a token, had
    100 MB copied.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, and its answer piece by piece."""

        async def in_pieces(message: Message) -> None:
            body = memoryview(message.get("body", b""))
            if message["type"] != "http.response.body" or len(body) <= PIECE_BYTES:
                await send(message)
                return
            for begin in range(0, len(body), PIECE_BYTES):
                is_last = begin + PIECE_BYTES >= len(body)
                more = not is_last or message.get("more_body", False)
                piece = bytes(body[begin : begin + PIECE_BYTES])
                await send({**message, "body": piece, "more_body": more})

        await self._app(scope, receive, in_pieces)
