"""Refuse unknown callers, large bodies and unknown formats before reading the body."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.caller import Caller
from api.access.json_web_tokens import JsonWebTokens
from api.access.tokens import Tokens
from api.language import preferred
from api.problems import ApiProblemError
from shared.diagnosis.sentences import Sentence
from shared.uploads import MEDIA_TYPES
from shared.wire.batches import BATCHES_PATH

GUARDED = "/api/"
_WITH_BODY = ("POST", "PUT", "PATCH")


class FrontDoor:
    """ASGI middleware for everything under /api/; sets `caller` in the request's state."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        max_body_bytes: int,
        max_upload_bytes: int,
        web_tokens: JsonWebTokens | None = None,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._web_tokens = web_tokens
        self._body = _Admitted(("application/json",), max_body_bytes)
        self._upload = _Admitted(MEDIA_TYPES, max_upload_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401, 413, 415 or 503."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            state = scope.setdefault("state", {})
            state["caller"] = await self._caller(headers, (scope.get("client") or ("",))[0])
            admitted = self._upload if scope["path"] == BATCHES_PATH else self._body
            if scope["method"] in _WITH_BODY and not _is_empty(headers):
                admitted.look_at(headers)
        except ApiProblemError as error:
            return await error.response(preferred(headers))(scope, receive, send)
        return await self._app(scope, admitted.counting(receive), _adding_headers(scope, send))

    async def _caller(self, headers: Headers, client: str) -> Caller:
        authorization = headers.get("authorization")
        caller = self._tokens.caller_of(authorization)
        if caller is None and self._web_tokens:
            caller = await self._web_tokens.caller_of(authorization)
        if caller is None:
            error = ', error="invalid_token"' if authorization else ""
            raise ApiProblemError(
                HTTPStatus.UNAUTHORIZED,
                "Send a valid token in the header Authorization: Bearer TOKEN.",
                kind="unauthorized",
                headers={"WWW-Authenticate": f'Bearer realm="conncheck"{error}'},
            )
        return replace(caller, client=client)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """The media types and the size that a body may have."""

    media_types: Sequence[str]
    max_bytes: int

    def look_at(self, headers: Headers) -> None:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in self.media_types:
            raise ApiProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                Sentence(
                    "Send the body with one of these Content-Types: {types}.",
                    {"types": tuple(self.media_types)},
                ),
                kind="unsupported-media-type",
                headers={"Accept": ", ".join(self.media_types)},
            )
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > self.max_bytes:
            raise ApiProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                self._too_large,
                kind="too-large",
                headers={"Connection": "close"},
            )

    def counting(self, receive: Receive) -> Receive:
        read_bytes = 0

        async def counted() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > self.max_bytes:
                # While FastAPI reads a body, it passes on only its own exception.
                raise HTTPException(413, self._too_large, {"Connection": "close"})
            return message

        return counted

    @property
    def _too_large(self) -> Sentence:
        return Sentence("The body must not be larger than {most} bytes.", {"most": self.max_bytes})


def _adding_headers(scope: Scope, send: Send) -> Send:
    """Return a `send` that adds the headers which a route has put into the request's state."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(scope["state"].get("headers", {}))
        await send(message)

    return adding


def _is_empty(headers: Headers) -> bool:
    """Return whether a request has neither a body nor a Content-Type."""
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    return not has_body and "content-type" not in headers
