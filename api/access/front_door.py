"""Refuse unknown callers, large bodies and unknown formats before reading the body."""

from dataclasses import replace
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.body import AdmittedBody
from api.access.caller import Caller
from api.access.json_web_tokens import JsonWebTokens
from api.access.refusals import Refusals
from api.access.tokens import Tokens
from api.language import preferred
from api.problems import ApiProblemError
from shared.bounds import MOST_COMMAS
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
        self._refusals = Refusals()
        self._body = AdmittedBody(("application/json",), max_body_bytes, MOST_COMMAS)
        self._upload = AdmittedBody(MEDIA_TYPES, max_upload_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401, 413, 415, 429 or 503."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        try:
            caller = await self._caller(headers, (scope.get("client") or ("",))[0])
        except ApiProblemError as error:
            return await error.response(preferred(headers))(scope, receive, send)
        state["caller"] = caller
        admitted = self._upload if scope["path"] == BATCHES_PATH else self._body
        try:
            if caller.is_metered:
                self._refusals.refuse_too_many(caller.name)
                send = self._counting(caller.name, send)
            if scope["method"] in _WITH_BODY and not _is_empty(headers):
                admitted.look_at(headers)
        except ApiProblemError as error:
            return await error.response(preferred(headers))(scope, receive, send)
        return await self._app(scope, admitted.limiting(receive), _adding_headers(scope, send))

    def _counting(self, token: str, send: Send) -> Send:
        """Return a `send` that counts the answer if it refuses the request."""

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
                self._refusals.count(token)
            await send(message)

        return counting

    async def _caller(self, headers: Headers, client: str) -> Caller:
        authorization = headers.get("authorization")
        caller = self._tokens.caller_of(authorization)
        if caller is None and self._web_tokens:
            caller = await self._web_tokens.caller_of(authorization)
        if caller is None:
            # Whoever has a valid token is not kept out: many callers may share an address.
            self._refusals.refuse_too_many(address := f"address {client}")
            self._refusals.count(address)
            error = ', error="invalid_token"' if authorization else ""
            raise ApiProblemError(
                HTTPStatus.UNAUTHORIZED,
                "Send a valid token in the header Authorization: Bearer TOKEN.",
                kind="unauthorized",
                headers={"WWW-Authenticate": f'Bearer realm="conncheck"{error}'},
            )
        return replace(caller, client=client)


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
