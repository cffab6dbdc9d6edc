"""GET /api/v1/product-types, against the running service."""

import httpx

from shared.products import PRODUCTS
from tests.service import Service

PATH = "/api/v1/product-types"


def test_all_product_types_are_listed_with_what_they_take(service: Service) -> None:
    """A form is built from it, so that it never lags behind the service."""
    with service.client() as client:
        items = client.get(PATH).json()["items"]

    assert [item["productType"] for item in items] == list(PRODUCTS)
    (zstack,) = [item for item in items if item["productType"] == "zstack"]
    assert zstack["ports"] == [5000, 5443, 8080]
    assert "timeZone" in zstack["options"]["properties"]
    assert zstack["example"]["endpoint"] == "192.168.1.100:8080"


def test_the_list_is_for_those_who_have_a_token(service: Service) -> None:
    """All below /api/ is."""
    assert httpx.get(f"{service.url}{PATH}", trust_env=False).status_code == 401


def test_the_list_is_in_the_openapi_document(service: Service) -> None:
    """Client generators read it."""
    document = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()
    operation = document["paths"][PATH]["get"]
    shown = document["components"]["schemas"]["ProductType"]

    assert {"200", "401"} <= operation["responses"].keys()
    assert {"productType", "steps", "ports", "accessKey", "options", "example"} <= set(
        shown["properties"]
    )
