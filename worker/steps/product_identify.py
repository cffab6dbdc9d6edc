"""Check that the platform is the requested product."""

from collections.abc import Sequence
from typing import Any

from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.http import HttpResponse
from shared.platform.keys.input_checks import doubting, doubts_about_path
from shared.products import AnyProduct
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.investigations.product_identify import not_identified, refuse_others

FLOW_S = 15.0


def product_identify(
    exchange: Exchange, product: AnyProduct, hello: HttpResponse, deadline: Deadline
) -> Passed[Any]:
    """Return the result of the product's own flow, which starts from `hello` and may take FLOW_S.

    Raises:
        Failed: with a cause of the product or of worker.http.exchange; an investigation can find
            out what answers instead.
    """
    endpoint = exchange.endpoint

    def doubts() -> Sequence[Finding]:
        return doubts_about_path(endpoint, product.hello(endpoint).path, product.path_doubt)

    flow = doubting(product.identify(endpoint, hello), doubts)
    try:
        identified: Passed[Any] = exchange.follow(flow, deadline.at_most(FLOW_S), hello)
    except Failed as failed:
        raise not_identified(failed, product, exchange) from None
    # A product may leave it to the sign-in; but no key is sent to what another product's words say.
    if hello.status in (401, 403) and not product.recognizes(hello):
        refuse_others(hello)
    return identified
