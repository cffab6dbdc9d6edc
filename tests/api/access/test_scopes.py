from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.access.front_door import GUARDED
from api.app import create_app
from shared.sealing import new_key_pair
from shared.settings import Settings

FOR_ALL_CALLERS = {"/api/v1/product-types"}
"""What every token may see: it is the same for all, and in the documents anyway."""


def calls_of(dependant: Dependant) -> Iterator[str]:
    for one in dependant.dependencies:
        yield getattr(one.call, "__qualname__", "")
        yield from calls_of(one)


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    for route in app.routes:
        # FastAPI keeps an included router as one entry.
        router = getattr(route, "original_router", None)
        found = router.routes if router else [route]
        yield from (one for one in found if isinstance(one, APIRoute))


def test_every_call_of_the_api_asks_for_a_scope() -> None:
    """One that was forgotten would be open to every token, whatever it is for."""
    app = create_app(Settings(sealing_public_key=new_key_pair()[1]), "redis://127.0.0.1:1/0")
    guarded = [route for route in routes_of(app) if route.path.startswith(GUARDED)]

    open_to_all = {
        route.path
        for route in guarded
        if not any(name.startswith("_with_scope") for name in calls_of(route.dependant))
    }

    assert len(guarded) > 10
    assert open_to_all == FOR_ALL_CALLERS
