"""FastAPI dependency for the batches."""

from typing import Annotated

from fastapi import Depends, Request

from api.batches.batches import Batches


async def _batches(request: Request) -> Batches:
    batches: Batches = request.app.state.batches
    return batches


BatchesDep = Annotated[Batches, Depends(_batches)]
