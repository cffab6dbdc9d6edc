"""The client for asyncio against a running service: the same calls, awaited."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from conncheck_client import AsyncClient, BatchRow, InspectionRequest, InvalidRequestError
from tests.certificates.authority import Authority
from tests.client.test_sync_client import NODE, ndjson
from tests.running.service import Service, a_request
from tests.running.sites import wait_for_records
from tests.stand_ins.zstack import zstack_node


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
        table = await client.results_table(taken.batch_id)

        assert events[-1].finished
        assert [one.status for one in results] == ["passed"]
        assert len(table.splitlines()) == 2

    run(service, use)


def test_own_jobs_and_batches_are_listed(service: Service, node: NODE) -> None:
    """Whoever has lost an id finds it."""

    async def use(client: AsyncClient) -> None:
        job = await client.test(a_request(node[1]))
        taken = await client.submit_batch([a_request(node[1])])

        listed = [one async for one in client.jobs(endpoint=node[1], product_type="zstack")]
        batches = [one async for one in client.batches()]

        assert [one.job_id for one in listed] == [job.job_id]
        assert taken.batch_id in [one.batch_id for one in batches]

    run(service, use)


def test_typed_rows_are_tested_and_waited_for(service: Service, node: NODE) -> None:
    """The usual case of a batch: no file, and nobody who watches."""

    async def use(client: AsyncClient) -> None:
        rows: list[BatchRow | dict[str, Any]] = [
            BatchRow.model_validate({**a_request(node[1]), "name": "Berlin"}),
            a_request("ftp://h"),
        ]
        taken = await client.submit_batch(rows)
        batch = await client.finished_batch(taken.batch_id)
        (result,) = [one async for one in client.results(taken.batch_id, product_type="zstack")]

        assert (batch.passed, [row.field for row in batch.errors]) == (1, ["endpoint"])
        assert (result.name, result.status) == ("Berlin", "passed")

    run(service, use)


def test_a_file_is_looked_at_before_it_is_tested(service: Service, node: NODE) -> None:
    """A wrong file costs a look, and no sign-in."""

    async def use(client: AsyncClient) -> None:
        row = {name: value for name, value in a_request(node[1]).items() if name != "productType"}
        file = json.dumps({"items": [row, {}]}).encode()

        looked = await client.dry_run(file, "application/json", product_type="zstack")
        table = await client.invalid_rows(file, "application/json", product_type="zstack")
        taken = await client.upload(file, "application/json", product_type="zstack")

        assert (looked.accepted, looked.rejected) == (taken.accepted, taken.rejected) == (1, 1)
        assert b"items[1]" in table
        assert b"endpoint" in await client.template()

    run(service, use)


def test_a_strict_batch_is_refused_for_one_row(service: Service, node: NODE) -> None:
    """Who wants all or nothing must not test half of it."""

    async def use(client: AsyncClient) -> None:
        with pytest.raises(InvalidRequestError):
            await client.submit_batch([a_request(node[1]), a_request("ftp://h")], strict=True)

    run(service, use)


def test_certificates_are_shown(service: Service, authority: Authority) -> None:
    """A certificate that is not trusted can be pinned by what is shown of it."""

    async def use(client: AsyncClient) -> None:
        inspection = await client.inspect(InspectionRequest(endpoint=f"localhost:{port}"))

        assert inspection.trusted is False
        assert inspection.reason
        assert len(inspection.certificates[0].sha256) == 64

    with zstack_node(tls=authority.server("localhost")) as (_, port):
        run(service, use)


def test_product_types_are_listed(service: Service) -> None:
    """A portal's form is made of them."""

    async def use(client: AsyncClient) -> None:
        products = {product.product_type: product for product in await client.product_types()}

        assert products["zstack"].needs_key_pair is True
        assert "timeZone" in products["zstack"].options["properties"]

    run(service, use)


def test_sites_are_listed(service: Service) -> None:
    """A portal offers the places that a token may test from."""
    wait_for_records(service)

    async def use(client: AsyncClient) -> None:
        (default,) = await client.sites()

        assert (default.name, default.title) == ("default", "default")
        assert default.workers == {"interactive": 1, "bulk": 1}
        assert default.last_seen

    run(service, use)


def test_problems_are_typed(service: Service) -> None:
    """The same types as those of the other client."""

    async def use(client: AsyncClient) -> None:
        with pytest.raises(InvalidRequestError):
            await client.submit({"endpoint": "x"})

    run(service, use)
