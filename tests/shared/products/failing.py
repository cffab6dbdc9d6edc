"""See how a product's flow fails, and that what is said of it comes out whole."""

from collections.abc import Callable

import pytest

from shared.diagnosis.outcomes import Facts, Failed
from shared.endpoint import Endpoint
from shared.products import PRODUCTS


def failure_of(name: str, flow: Callable[[], object]) -> Failed:
    """Return how `flow` of the product `name` fails."""
    with pytest.raises(Failed) as caught:
        flow()
    finding = caught.value.finding
    assert finding.summary(known_of(name)).isprintable()
    assert finding.remedies(known_of(name))
    return caught.value


def known_of(name: str) -> Facts:
    """Return what the texts about a job with the product `name` can name."""
    product = PRODUCTS[name]
    endpoint = product.complete(Endpoint("cloud.example.com"))
    return {
        "host": endpoint.host,
        "port": endpoint.port or 0,
        "product": product.title,
        "default_port": product.default_port,
        "usual_port": product.default_port,
        "access_key_is": product.access_key_is,
        "secret_key_is": product.secret_key_is,
    }
