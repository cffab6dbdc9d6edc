"""The list of sites."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import JSONResponse

from api.access.dependencies import SiteReaderDep, bearer
from api.jobs.dependencies import JobsDep
from api.language import LanguageDep, headers_of
from api.openapi import problems
from shared.sites.watched_sites import WatchedSites
from shared.wire.sites import Sites, SiteView

sites_api = APIRouter(prefix="/api/v1/sites", tags=["Sites"], dependencies=[Security(bearer)])


@sites_api.get(
    "", summary="List sites", response_model=Sites, responses=problems(401, 403, 429, 503)
)
async def list_sites(
    request: Request, jobs: JobsDep, caller: SiteReaderDep, language: LanguageDep
) -> Response:
    """List the sites that the token may test from, with their workers and queues as they are now.

    What is told of workers is what they tell of themselves.
    """
    declared: WatchedSites = request.app.state.sites
    items = [
        SiteView.of(
            entry,
            await jobs.store.at(entry.name).workload.presence(),
            version("conncheck"),
            language,
        )
        for entry in declared.sites()
        if caller.may_use(entry.name)
    ]
    shown = Sites(items=tuple(items)).model_dump(mode="json", by_alias=True)
    return JSONResponse(shown, headers=headers_of(language))
