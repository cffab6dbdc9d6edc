"""START HERE: the steps of a test, in their order."""

from shared.models import JobRequest
from shared.outcomes import Failed
from worker.deadline import Deadline
from worker.exchange import Exchange
from worker.reach import Reach
from worker.recorder import Recorder
from worker.site import Site
from worker.steps.authenticate import authenticate
from worker.steps.authorize import authorize
from worker.steps.dns_lookup import dns_lookup
from worker.steps.http_response import http_response
from worker.steps.product_identify import product_identify
from worker.steps.service_endpoints import service_endpoints
from worker.steps.tcp_connect import tcp_connect
from worker.steps.tls_handshake import tls_handshake


def run_steps(
    request: JobRequest, site: Site, refusal: Failed | None, step: Recorder, deadline: Deadline
) -> None:
    """Test a platform over one connection; each step needs what the one before it found.

    A plain product ends after its layer; its steps are `request.steps`, as those of all are.
    `refusal` says why the key pair must not be presented, if it must not.

    Raises:
        Failed: a step failed, and `step` has recorded it.
    """
    product, endpoint, tls = request.product, request.target, request.options.tls
    options, credentials, steps = request.product_options, request.credentials, request.steps

    addresses = step(dns_lookup, endpoint, deadline)
    with step(tcp_connect, endpoint, addresses, site.guard, deadline) as connection:
        if "tls_handshake" in steps:
            connection = step(tls_handshake, connection, endpoint, tls, site.trust, deadline)
        if "http_response" not in steps:
            return
        reach = Reach(endpoint, tls, site)
        exchange = Exchange(connection, endpoint, reach.connection)
        response = step(http_response, exchange, product.hello(endpoint), deadline)
        if "product_identify" not in steps:
            return
        today = response.received_at.date()
        identifying = product.judging(product.identify(endpoint, response), today)
        identity = step(product_identify, exchange, identifying, deadline)
        signing_in = product.authenticate(endpoint, options, identity, credentials)
        session = step(
            authenticate, exchange, product.judging(signing_in, today), refusal, deadline
        )
        authorizing = product.judging(product.authorize(endpoint, session), today)
        goodbye = product.sign_out(endpoint, session)
        step(authorize, exchange, authorizing, goodbye, deadline)
        if product.service_endpoints:
            further = product.service_endpoints(session)
            step(service_endpoints, further, reach, deadline)
