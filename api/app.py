"""Put the API together."""

import logging
import math
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from fastapi import FastAPI
from sse_starlette.sse import AppStatus
from uvicorn.config import STARTUP_FAILURE

from api.access.front_door import FrontDoor
from api.access.json_web_tokens import Claims, JsonWebTokens
from api.access.open_calls import OpenCalls
from api.access.provider_keys import ProviderKeys
from api.access.tokens import Tokens
from api.batches.problems import answer_batch_errors
from api.batches.receiving.routes import uploads_api
from api.batches.receiving.template_routes import templates_api
from api.batches.routes import batches_api
from api.cause_pages import explain_causes
from api.comparisons.routes import comparisons_api
from api.connections.connection import Connection
from api.connections.crowd import Crowd
from api.connections.listener import listen
from api.cut_calls import CutCalls
from api.head_calls import HeadCalls
from api.health import health
from api.in_pieces import InPieces
from api.inspection.routes import inspections_api
from api.jobs.documented_call import api
from api.jobs.routes import jobs_api
from api.metrics.routes import metrics_api
from api.metrics.scrapes import Scrapes
from api.openapi import serve_description
from api.page_routes import serve_page
from api.parts import Parts
from api.problems import answer_with_problems
from api.product_types import product_types_api
from api.sites.routes import sites_api
from api.traced import Traced
from shared.policy.watched_tokens import NoTokens, WatchedTokens
from shared.sealing import NoSealingKeyError, Sealers
from shared.settings import Settings
from shared.signing import Signer
from shared.site_name import DEFAULT_SITE
from shared.sites.site_rules import SiteRules
from shared.sites.watched_sites import WatchedSites
from shared.stop_signals import on_stop_signal
from shared.tracing import Tracer

_log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75
ROUTES = (
    api,
    inspections_api,
    jobs_api,
    uploads_api,
    templates_api,
    batches_api,
    comparisons_api,
    product_types_api,
    sites_api,
    health,
    metrics_api,
)
"""In the order of the API's description."""


def create_app(settings: Settings, redis_url: str) -> FastAPI:
    """Return the API as an ASGI application.

    Raises:
        ValueError: a setting is missing, or the sites are not declared as they should be.
    """
    signer = _signer(settings)
    sites = WatchedSites(settings.sites_file, SiteRules.parse(settings.site_rules))
    sealers = _sealers(settings, sites)
    tracer = Tracer.sending_to(settings.otlp_endpoint, "api")
    keys = _provider_keys(settings)
    app = FastAPI(
        title="conncheck",
        version="1.0",
        summary="Tests whether a cloud platform can be reached and signed in to, step by step.",
        lifespan=partial(
            _lifespan,
            settings=settings,
            keys=keys,
            parts=partial(Parts.of, settings, redis_url, sealers, sites, signer, tracer),
        ),
        openapi_url=None,  # serve_description does it
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.sites = sites
    serve_description(app)
    for routes in ROUTES:
        app.include_router(routes)
    serve_page(app)
    explain_causes(app)
    answer_with_problems(app)
    answer_batch_errors(app)
    _admit_callers(app, settings, keys)
    if tracer:
        app.add_middleware(Traced, tracer=tracer)
    app.add_middleware(HeadCalls)
    app.add_middleware(CutCalls)
    app.add_middleware(InPieces)
    return app


@asynccontextmanager
async def _lifespan(
    app: FastAPI,
    *,
    settings: Settings,
    keys: ProviderKeys | None,
    parts: Callable[[], Parts],
) -> AsyncIterator[None]:
    """Give the routes their dependencies, and run the background tasks while the API serves."""
    made = parts()  # here, since its connections belong to the loop that serves
    app.state.jobs, app.state.batches, app.state.limits = made.jobs, made.batches, made.limits
    app.state.comparisons = made.comparisons
    app.state.metrics_token, app.state.scrapes = settings.metrics_token, Scrapes(made.jobs)
    app.state.open_calls = OpenCalls.within(settings.max_streams)
    try:
        async with made.at_work():
            yield
    finally:
        if keys:
            await keys.close()


def _admit_callers(app: FastAPI, settings: Settings, keys: ProviderKeys | None) -> None:
    """Admit callers with a valid token, and bodies within the size limit."""
    file = WatchedTokens(settings.tokens_file) if settings.tokens_file else None
    app.add_middleware(
        FrontDoor,
        tokens=Tokens(settings.tokens, file, settings.extra_ports),
        web_tokens=_web_tokens(settings, keys, file) if keys else None,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
    )


def _sealers(settings: Settings, sites: WatchedSites) -> Sealers:
    """Return what seals for each site, by its key in the file as it is then."""
    sealers = Sealers(settings.sealing_public_key, sites.sealing_key)
    try:
        sealers.at(DEFAULT_SITE)
    except NoSealingKeyError:
        raise ValueError(
            "the API needs CONNCHECK_SEALING_PUBLIC_KEY; `conncheck keys` makes one"
        ) from None
    return sealers


def _signer(settings: Settings) -> Signer | None:
    """Return what signs jobs; None where an older installation has no key for it."""
    keys = [key.get_secret_value() for key in settings.signing_private_keys]
    return Signer(keys) if keys else None


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


def serve(settings: Settings, redis_url: str, host: str, port: int) -> None:
    """Serve the API until a stop signal comes."""
    crowd = Crowd()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, redis_url),
            http=partial(Connection, crowd=crowd),  # type: ignore[arg-type] # it is only called
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            # Else uvicorn believes whoever calls from this machine, or what FORWARDED_ALLOW_IPS
            # says.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.drain_s),
        )
    )

    def stop() -> None:
        server.should_exit = AppStatus.should_exit = True  # no more calls, and streams end

    on_stop_signal(stop, settings.drain_s)
    try:
        sockets = listen(host, port, crowd)
    except OSError as error:
        _log.error("can't listen on %s port %d: %s", host, port, error.strerror)
        sys.exit(STARTUP_FAILURE)
    _log.info("listening host=%s port=%d", host, port)
    server.run(sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)
