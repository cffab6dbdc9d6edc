"""The calls of Prometheus."""

from http import HTTPStatus
from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import SecretStr

from api.metrics.scrapes import Scrapes
from api.openapi import problems
from api.problems import ApiProblemError


async def _refuse_strangers(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    token: SecretStr | None = request.app.state.metrics_token
    if token is None:
        return
    wanted = f"Bearer {token.get_secret_value()}".encode()
    if not compare_digest(authorization.encode(), wanted):
        raise ApiProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Send the token of CONNCHECK_METRICS_TOKEN in the header Authorization: Bearer TOKEN.",
            kind="unauthorized",
            headers={"WWW-Authenticate": 'Bearer realm="conncheck metrics"'},
        )


metrics_api = APIRouter(
    prefix="/metrics",
    tags=["Health"],
    dependencies=[Depends(_refuse_strangers)],
    default_response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems(401)},
)


async def _scrapes(request: Request) -> Scrapes:
    scrapes: Scrapes = request.app.state.scrapes
    return scrapes


ScrapesDep = Annotated[Scrapes, Depends(_scrapes)]


@metrics_api.get("", summary="Metrics of this API process for Prometheus")
async def metrics(scrapes: ScrapesDep) -> Response:
    """Return metrics of this process; conncheck_up shows which part does not answer it.

    Scrape every API process.
    """
    return Response(await scrapes.process.text(), media_type=CONTENT_TYPE_LATEST)


@metrics_api.get("/workers", summary="Metrics of the queue and of all workers for Prometheus")
async def workers_metrics(scrapes: ScrapesDep) -> Response:
    """Return metrics of the queue, the workers and the results of their tests.

    Every API process returns the same: scrape one of them, or sums count each test several times.
    Metrics that can't be read at the moment are left out.
    """
    return Response(await scrapes.workers.text(), media_type=CONTENT_TYPE_LATEST)
