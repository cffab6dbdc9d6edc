import json
import re
from typing import Any

import pytest

from api.app import create_app
from api.problems import MEDIA_TYPE
from shared.sealing import new_key_pair
from shared.settings import Settings

PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Give the description of the whole API."""
    settings = Settings(sealing_public_key=new_key_pair()[1], tokens=())
    return create_app(settings, "redis://127.0.0.1:1/0").openapi()


def test_every_error_is_described_as_the_problem_that_it_is(document: dict[str, Any]) -> None:
    """A client that is generated from the description reads errors as well as answers."""
    described = [
        (f"{method} {path} {status}", response["content"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert described
    assert [name for name, content in described if content != {MEDIA_TYPE: PROBLEM}] == []


def test_nothing_is_described_that_is_not_used(document: dict[str, Any]) -> None:
    """FastAPI's own errors are never sent, nor is how a worker writes a cause down."""
    schemas = document["components"]["schemas"]

    assert "Problem" in schemas
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert schemas.keys() == references


def test_a_row_of_a_batch_is_described_with_what_its_caller_calls_it(
    document: dict[str, Any],
) -> None:
    """A single test's body has no name, and nothing that it does not know."""
    upload = document["paths"]["/api/v1/platforms/test-connection/batches"]["post"]["requestBody"]
    rows = upload["content"]["application/json"]["schema"]["properties"]["items"]

    assert rows["items"] == {"$ref": "#/components/schemas/BatchRow"}
    properties = document["components"]["schemas"]["BatchRow"]["properties"]
    assert {"name", "ref", "labels", "endpoint", "options"} <= properties.keys()
