"""GET /api/v1/product-types, against the running service."""

import socket

import httpx

from shared.products import PRODUCTS
from tests.running.service import CALL, Service, poll

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


def test_the_list_is_told_in_the_callers_language(service: Service) -> None:
    """A form of a Chinese portal shows it."""
    with service.client() as client:
        told = client.get(PATH, headers={"Accept-Language": "zh-CN"})

    assert told.headers["content-language"] == "zh-CN"
    titles = {item["productType"]: item["title"] for item in told.json()["items"]}
    assert titles["tcp"] == "TCP 端口"
    assert titles["vsphere"] == PRODUCTS["vsphere"].title


def test_causes_are_explained_to_whoever_reads_a_report(service: Service) -> None:
    """A report is passed on to administrators of platforms, who have no token."""
    told = httpx.get(f"{service.url}/docs/causes/tls.expired", trust_env=False)

    assert told.status_code == 200
    assert told.headers["content-type"] == "text/html; charset=utf-8"


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


def test_a_plain_port_is_tested_without_a_key_pair(service: Service) -> None:
    """All the way: the API, the sealed message, the worker, the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener, service.client() as client:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        answer = client.post(CALL, json={"productType": "tcp", "endpoint": endpoint}).json()

    assert answer["success"] is True
    assert [item["name"] for item in answer["items"]] == ["dns_lookup", "tcp_connect"]


def test_plain_ports_stand_in_a_table_with_empty_cells(service: Service) -> None:
    """A table of platforms has what is beside them in it, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener, service.client() as client:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        table = f"productType,endpoint,accessKey,secretKey\ntcp,{endpoint},,\n"
        headers = {"Content-Type": "text/csv"}
        batch = client.post(f"{CALL}/batches", content=table, headers=headers).json()
        place = f"{CALL}/batches/{batch['batchId']}"
        poll(lambda: client.get(place).json()["status"] == "finished")
        (item,) = client.get(f"{place}/results").json()["items"]

    assert item["outcome"] == "passed"


def test_other_products_still_want_their_key_pair(service: Service) -> None:
    """That is the documented contract."""
    with service.client() as client:
        answer = client.post(CALL, json={"productType": "vsphere", "endpoint": "h"})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["accessKey", "secretKey"]
