"""The facts that the texts of every step of a job can use: they follow from its request."""

from functools import lru_cache
from types import MappingProxyType

from shared.diagnosis.entries import Queued
from shared.diagnosis.outcomes import Facts, Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.products import PRODUCTS, AnyProduct
from shared.reporting.commands import request_facts
from shared.site_name import DEFAULT_SITE
from shared.steps import INSPECTION


def facts_of_test(target: Endpoint, product: AnyProduct, *, verifies: bool) -> Facts:
    """Return the facts of a test of `product` at the complete endpoint `target`.

    `verifies` is options.tls.verify.
    """
    hello = product.hello(target)
    place = f"{target.scheme or product.default_scheme}://{target.bracketed_host}:{target.port}"
    return {
        **product.port_facts(target),
        **request_facts(hello, verifies=verifies),
        "host": target.server_name,
        "port": target.port or 0,
        "url": f"{place}{hello.path}",
        "product": product.in_sentences,
        "access_key_is": product.access_key_is,
        "secret_key_is": product.secret_key_is,
    }


def facts_of_inspection(target: Endpoint, product: AnyProduct | None) -> Facts:
    """Return the facts of an inspection of the certificates at `target`."""
    return {
        **(product.port_facts(target) if product and product.default_scheme == "https" else {}),
        "host": target.server_name,
        "port": target.port or 0,
        "url": f"{target}/",
        "product": product.in_sentences if product else "the platform",
    }


def job_facts(queued: Queued) -> Facts:
    """Return the facts of the job that begins with `queued`; of an unreadable one only some.

    `at_site` says whose machine a text means, where it is not the one that readers think of.
    """
    facts = _facts_of(
        queued.product_type,
        queued.endpoint,
        verifies=queued.verifies,
        is_inspection=queued.steps == INSPECTION,
    )
    return facts if queued.site == DEFAULT_SITE else {**facts, "at_site": queued.site}


@lru_cache(maxsize=1024)
def _facts_of(product_type: str, endpoint: str, *, verifies: bool, is_inspection: bool) -> Facts:
    product = PRODUCTS.get(product_type) if product_type else None
    try:
        target = parse_endpoint(endpoint)
    except Failed:
        return MappingProxyType({})
    if is_inspection or product is None:
        return MappingProxyType(dict(facts_of_inspection(target, product)))
    return MappingProxyType(dict(facts_of_test(target, product, verifies=verifies)))
