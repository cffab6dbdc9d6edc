"""Comparisons by both clients, against a running service."""

import asyncio
from collections.abc import Mapping

import pytest

from conncheck_client import AsyncClient, Client, Comparison, InvalidRequestError, Platform
from tests.running.service import Service, a_request
from tests.stand_ins.zstack import ZstackNode

NODE = tuple[ZstackNode, str]


def outcomes(comparison: Comparison) -> Mapping[str, str | None]:
    return {row.name: row.results[0].outcome for row in comparison.steps}


def test_a_comparison_is_given_when_it_is_over(service: Service, node: NODE) -> None:
    """One call is what a script wants; the request may be a model or a mapping."""
    with Client(service.url, service.token) as client:
        platform = Platform.model_validate(a_request(node[1]))
        comparison = client.compare(platform, ["default"], sign_in="all")
        again = client.comparison(comparison.comparison_id)

    assert comparison.is_over
    assert comparison == again
    assert set(outcomes(comparison).values()) == {"passed"}
    assert [site.signs_in for site in comparison.sites] == [True]


def test_the_same_key_compares_once(service: Service, node: NODE) -> None:
    """It is repeated by the client itself, when an answer was lost."""
    with Client(service.url, service.token) as client:
        request = a_request(node[1])
        first = client.submit_comparison(request, ["*"], key="compare-by-client")
        second = client.submit_comparison(request, ["*"], key="compare-by-client")
        cancelled = client.cancel_comparison(first.comparison_id)

    assert first == second
    assert [*first.jobs] == ["default"]
    assert cancelled.status in ("cancelled", "finished")


def test_an_unknown_site_is_an_invalid_request(service: Service, node: NODE) -> None:
    """The field is named, as for a single test."""
    with Client(service.url, service.token) as client, pytest.raises(InvalidRequestError) as raised:
        client.compare(a_request(node[1]), ["default", "fra1"])

    assert [error.field for error in raised.value.problem.errors or ()] == ["sites.1"]


def test_a_comparison_can_be_awaited(service: Service, node: NODE) -> None:
    """The same calls for asyncio."""

    async def compare() -> Comparison:
        async with AsyncClient(service.url, service.token) as client:
            comparison = await client.compare(a_request(node[1]), ["default"])
            assert await client.cancel_comparison(comparison.comparison_id) == comparison
            return comparison

    assert outcomes(asyncio.run(compare()))["authenticate"] == "passed"
