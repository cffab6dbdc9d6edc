"""The client for asyncio against a running service: the same calls, awaited."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cli.client import AsyncClient, InvalidRequestError
from tests.client.test_sync_client import NODE, ndjson
from tests.running.service import Service, a_request


def run(service: Service, use: Callable[[AsyncClient], Awaitable[None]]) -> None:
    async def used() -> None:
        async with AsyncClient(service.url, service.token) as client:
            await use(client)

    asyncio.run(used())


def test_tests_run_beside_each_other(service: Service, node: NODE) -> None:
    """That is what one takes asyncio for."""

    async def use(client: AsyncClient) -> None:
        requests = [a_request(node[1], options={"force": True}) for _ in range(3)]
        jobs = await asyncio.gather(*(client.test(request) for request in requests))

        assert [job.success for job in jobs] == [True] * 3

    run(service, use)


def test_events_come_one_by_one(service: Service, node: NODE) -> None:
    """The stream ends by itself, and can be resumed."""

    async def use(client: AsyncClient) -> None:
        job_id = (await client.submit(a_request(node[1]))).job_id
        events = [event async for event in client.events(job_id)]
        later = [event async for event in client.events(job_id, after=events[2].id)]

        assert events[-1].kind == "closed"
        assert later == events[3:]

    run(service, use)


def test_a_batch_is_uploaded_followed_and_read(service: Service, node: NODE) -> None:
    """The batch API, awaited."""

    async def use(client: AsyncClient) -> None:
        content = ndjson(a_request(node[1]))
        taken = await client.upload(content, "application/x-ndjson")
        events = [event async for event in client.batch_events(taken.batch_id)]
        results = [one async for one in client.results(taken.batch_id)]

        assert events[-1].finished
        assert [one.status for one in results] == ["passed"]

    run(service, use)


def test_problems_are_typed(service: Service) -> None:
    """The same types as those of the other client."""

    async def use(client: AsyncClient) -> None:
        with pytest.raises(InvalidRequestError):
            await client.submit({"endpoint": "x"})

    run(service, use)
