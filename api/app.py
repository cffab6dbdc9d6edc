"""Put the API together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.enqueuer import Enqueuer
from api.front_door import FrontDoor
from api.jobs import Jobs
from api.problems import MEDIA_TYPE, answer_with_problems
from api.routes import api, health
from api.tokens import Tokens
from shared.job_store import JobStore
from shared.job_watch import JobWatch
from shared.queue import JobQueue
from shared.redis_connection import connect_async
from shared.sealing import Sealer
from shared.settings import Settings

KEEP_ALIVE_S = 75


def create_app(settings: Settings, redis_url: str) -> FastAPI:
    """Return the API as an ASGI application."""
    if settings.sealing_public_key is None:
        raise ValueError("the API needs CONNCHECK_SEALING_PUBLIC_KEY; `conncheck keys` makes one")
    sealer = Sealer(settings.sealing_public_key)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect_async(redis_url)
        watch = JobWatch(redis)
        enqueuer = Enqueuer(JobQueue(settings.queue_url or redis_url))
        store = JobStore(redis, settings.result_ttl_s)
        app.state.jobs = Jobs(store, watch, enqueuer, sealer, settings.job_deadline_s)
        watching = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            enqueuer.close()
            await redis.aclose()

    app = FastAPI(
        title="conncheck",
        version="1.0",
        summary="Tests whether a cloud platform can be reached and signed in to, step by step.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's way to do it
    app.include_router(api)
    app.include_router(health)
    answer_with_problems(app)
    app.add_middleware(
        FrontDoor, tokens=Tokens(settings.tokens), max_body_bytes=settings.max_body_bytes
    )
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; FastAPI would describe problems as plain JSON."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        for path in document["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    if status >= "400":
                        response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        app.openapi_schema = document
    return app.openapi_schema


def serve(settings: Settings, redis_url: str, host: str, port: int) -> None:
    """Serve the API until told to stop (SIGTERM)."""
    uvicorn.run(
        create_app(settings, redis_url),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
