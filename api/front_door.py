"""Turn away, before a byte of the body is read: strangers, too much, and what is not JSON."""

from http import HTTPStatus

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import Caller
from api.problems import ProblemError
from api.tokens import Tokens

GUARDED = "/api/"
_WITH_BODY = ("POST", "PUT", "PATCH")


class FrontDoor:
    """ASGI middleware in front of everything under /api/; sets `caller` in the request's state."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, max_body_bytes: int) -> None:
        self._app = app
        self._tokens = tokens
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401, 413 or 415."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            return await self._app(scope, receive, send)
        try:
            headers = Headers(scope=scope)
            scope.setdefault("state", {})["caller"] = self._caller(headers)
            if scope["method"] in _WITH_BODY:
                self._look_at_headers(headers)
        except ProblemError as error:
            return await error.response()(scope, receive, send)
        return await self._app(scope, self._counting(receive), send)

    def _caller(self, headers: Headers) -> Caller:
        authorization = headers.get("authorization")
        caller = self._tokens.caller_of(authorization)
        if caller is None:
            error = ', error="invalid_token"' if authorization else ""
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "Give a valid token in the header Authorization: Bearer TOKEN.",
                kind="unauthorized",
                headers={"WWW-Authenticate": f'Bearer realm="conncheck"{error}'},
            )
        return caller

    def _look_at_headers(self, headers: Headers) -> None:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with the header Content-Type: application/json.",
                kind="unsupported-media-type",
                headers={"Accept": "application/json"},
            )
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > self._max_body_bytes:
            raise self._too_large()

    def _counting(self, receive: Receive) -> Receive:
        read_bytes = 0

        async def counted() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > self._max_body_bytes:
                # FastAPI lets only its own exception through while it reads a body.
                detail = self._too_large().problem.detail
                raise HTTPException(413, detail, {"Connection": "close"})
            return message

        return counted

    def _too_large(self) -> ProblemError:
        return ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body must not be larger than {self._max_body_bytes} bytes.",
            kind="too-large",
            headers={"Connection": "close"},
        )
