"""Put the API together."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.batches.routes import batches_api
from api.batches import Batches
from api.jobs.enqueuer import Enqueuer
from api.batches.feeding.feeder import Feeder
from api.access.front_door import FrontDoor
from api.inspection.routes import inspections_api
from api.jobs.events import STALLED_S
from api.jobs.routes import jobs_api
from api.jobs.jobs import Jobs
from api.access.json_web_tokens import Claims, JsonWebTokens
from api.metrics import metrics_api
from api.openapi import describe
from api.batches.feeding.token_pace import Pace
from api.page_routes import serve_page
from api.problems import answer_with_problems
from api.product_types import product_types_api
from api.access.provider_keys import ProviderKeys
from api.jobs.reaper import Reaper
from api.routes import api, health
from api.access.tokens import Tokens
from api.traced import Traced
from shared.batch_store import BatchStore
from shared.store.cancelling import is_cancelled
from shared.idempotency import IdempotencyStore
from shared.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.lease import Lease
from shared.queue import JobQueue
from shared.store.limits.rate_limits import RateLimits
from shared.store.connection import connect_async
from shared.sealing import Sealer
from shared.policy.service_policy import ServicePolicy
from shared.settings import Settings
from shared.tracing import Tracer
from shared.policy.watched_tokens import NoTokens, WatchedTokens

_log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75
AFTER_A_BUG_S = 1.0


class _Connection(HttpToolsProtocol):
    """A connection that the kernel ends when its reader stalls.

    To close it is not enough: asyncio would wait for ever until the reader takes what is left.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if sys.platform == "linux":
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_S * 1000)


def create_app(settings: Settings, redis_url: str) -> FastAPI:
    """Return the API as an ASGI application."""
    if not settings.sealing_public_key:
        raise ValueError("the API needs CONNCHECK_SEALING_PUBLIC_KEY; `conncheck keys` makes one")
    sealer = Sealer(settings.sealing_public_key)
    keys = _provider_keys(settings)
    file = WatchedTokens(settings.tokens_file) if settings.tokens_file else None
    tracer = Tracer.sending_to(settings.otlp_endpoint, "api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect_async(redis_url)
        watch = JobWatch(redis)
        enqueuer = Enqueuer(JobQueue(settings.queue_url or redis_url))
        store = JobStore(redis, settings.result_ttl_s)
        jobs = app.state.jobs = Jobs(
            store=store,
            watch=watch,
            enqueuer=enqueuer,
            idempotency=IdempotencyStore(redis),
            sealer=sealer,
            job_deadline_s=settings.job_deadline_s,
            investigate_s=settings.investigate_s,
            max_queued=settings.max_queued,
            policy=ServicePolicy.of(settings),
            tracer=tracer,
        )
        app.state.metrics_token = settings.metrics_token
        limits = app.state.limits = RateLimits(redis, settings.target_rate)
        batches = BatchStore(redis, settings.result_ttl_s)
        lease = Lease(redis, "conncheck:feeder")
        pace = Pace(limits, settings.target_rate, settings.per_target)
        feeder = Feeder(batches, store, enqueuer, lease, settings.per_target, pace)
        app.state.batches = Batches(
            store=batches,
            jobs=jobs,
            feeder=feeder,
            max_items=settings.max_batch,
            deadline_s=settings.batch_deadline_s,
        )
        reaper = Reaper(store, enqueuer)
        work = [asyncio.create_task(_keep_at(each.run)) for each in (watch, reaper, feeder)]
        try:
            yield
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await feeder.leave()
            if keys:
                await keys.close()
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
    app.openapi = lambda: describe(app)  # type: ignore[method-assign] # FastAPI's way to do it
    app.include_router(api)
    app.include_router(inspections_api)
    app.include_router(jobs_api)
    app.include_router(batches_api)
    app.include_router(product_types_api)
    app.include_router(health)
    app.include_router(metrics_api)
    serve_page(app)
    answer_with_problems(app)
    app.add_middleware(
        FrontDoor,
        tokens=Tokens(settings.tokens, file, settings.extra_ports),
        web_tokens=_web_tokens(settings, keys, file) if keys else None,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
    )
    if tracer:
        app.add_middleware(Traced, tracer=tracer)
    return app


def _provider_keys(settings: Settings) -> ProviderKeys | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        raise ValueError("set CONNCHECK_OIDC_AUDIENCE as well: which tokens are for this service")
    return ProviderKeys(settings.oidc_issuer, settings.ca_file)


def _web_tokens(
    settings: Settings, keys: ProviderKeys, file: WatchedTokens | None
) -> JsonWebTokens:
    claims = Claims(
        settings.oidc_audience,
        settings.oidc_tenant_claim,
        settings.oidc_scopes_claim,
        settings.oidc_scope_prefix,
    )
    limits = file or NoTokens()
    return JsonWebTokens(settings.oidc_issuer, keys, claims, limits, settings.extra_ports)


async def _keep_at(work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` for ever; a bug in it must not end it unseen."""
    while not is_cancelled():
        try:
            await work()
        except Exception:  # noqa: BLE001 -- what looks after all jobs must go on
            _log.exception("work broke; going on")
        await asyncio.sleep(AFTER_A_BUG_S)


def serve(settings: Settings, redis_url: str, host: str, port: int) -> None:
    """Serve the API until told to stop (SIGTERM)."""
    uvicorn.run(
        create_app(settings, redis_url),
        host=host,
        port=port,
        http=_Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        # Else uvicorn believes whoever calls from this machine, or what FORWARDED_ALLOW_IPS says.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
