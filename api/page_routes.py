"""Serve the web page from our own files only."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from shared import diagnosis
from shared.diagnosis.catalogue import CATALOGUE_FILE

PAGE = Path(__file__).parent / "page"
CATALOGUE = Path(diagnosis.__path__[0]) / CATALOGUE_FILE
# Nothing inline, nothing from other origins; only lit-html's own templates become markup.
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types lit-html",
        )
    ),
    "Cache-Control": "no-cache",  # an ETag tells whether a file has changed
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Files(StaticFiles):
    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers.update(HEADERS)
        return response

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        if path == CATALOGUE_FILE:
            return FileResponse(CATALOGUE, headers=HEADERS)
        return await super().get_response(path, scope)


def serve_page(app: FastAPI) -> None:
    """Let `app` serve the page at /, and its files at /page/."""
    app.mount("/page", _Files(directory=PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers=HEADERS)
