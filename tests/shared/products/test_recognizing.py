"""A platform that is not the one that was asked for is told by its first answers."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from shared.platform.http import HttpResponse
from shared.products import PRODUCTS
from tests.shared.products.conversation import answer

MODULES = sorted(
    {p.hello.__module__.rpartition(".")[2] for p in PRODUCTS.values() if p.needs_key_pair}
)


def recorded() -> Iterator[tuple[str, HttpResponse]]:
    """Give the first answers of every product, with the module that they are of."""
    for module in MODULES:
        for hello in import_module(f"tests.shared.products.test_{module}").HELLOS:
            yield module, hello


def recognizing(response: HttpResponse) -> set[str]:
    return {
        product.hello.__module__.rpartition(".")[2]
        for product in PRODUCTS.values()
        if product.recognizes(response)
    }


@pytest.mark.parametrize(("module", "hello"), list(recorded()), ids=lambda value: str(value)[:40])
def test_a_products_first_answer_is_claimed_by_that_product_alone(
    module: str, hello: HttpResponse
) -> None:
    """Two that claim one answer would send the caller in two directions."""
    assert recognizing(hello) == {module}


@pytest.mark.parametrize(
    "response",
    [
        answer(200, ""),
        answer(200, {}),
        answer(404, {"error": "not found"}),
        answer(200, {"status": "ok", "version": "1.0"}),
        answer(200, "<html><title>Welcome to nginx!</title></html>", server="nginx/1.24.0"),
        answer(401, "", www_authenticate='Basic realm="x"'),
        answer(403, {"message": "Missing Authentication Token"}),
        answer(200, "<a><b/></a>"),
        answer(503, "<html><body>no server is available</body></html>"),
    ],
    ids=lambda response: f"{response.status} {response.text[:30]}",
)
def test_what_anything_could_have_answered_is_claimed_by_nobody(response: HttpResponse) -> None:
    """A wrong name of a product is worse than none."""
    assert recognizing(response) == set()
