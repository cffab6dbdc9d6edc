"""START HERE: the steps of a test, in their order."""

from datetime import UTC, datetime
from functools import partial

from shared.request import JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.message import ComparedPart
from shared.request.options import TlsOptions
from worker.deadline import Deadline
from worker.further_endpoint import FurtherEndpoints
from worker.http.exchange import Exchange
from worker.http.sign_out import signing_out
from worker.recorder import Recorder
from worker.site import Site
from worker.steps.authenticate import Refusal, authenticate
from worker.steps.authorize import authorize
from worker.steps.dns_lookup import dns_lookup
from worker.steps.http_response import http_response
from worker.steps.inspect_certificate import inspect_certificate
from worker.steps.product_identify import product_identify
from worker.steps.service_endpoints import service_endpoints
from worker.steps.tcp_connect import tcp_connect
from worker.steps.tls_handshake import tls_handshake
from worker.tcp.other_addresses import trying_others
from worker.tls.shown_certificate import noting_certificate


def run_steps(
    request: JobRequest,
    site: Site,
    refusal: Refusal,
    step: Recorder,
    deadline: Deadline,
    compared: ComparedPart | None = None,
) -> None:
    """Test a platform over one connection; each step uses the result of the step before it.

    The test of a plain product ends after its layer; like all products, its steps are
    `request.steps`. `refusal` is asked before the key pair is presented. A test that is `compared`
    with those from other sites tells more of the certificate, and may end before the sign-in.

    Raises:
        Failed: a step failed, and `step` has recorded it.
    """
    product = request.product.as_of(datetime.now(UTC).date()).expecting(request.expected)
    steps = compared.steps_of(request) if compared else request.steps
    endpoint, tls = request.target, request.options.tls
    options, credentials = request.product_options, request.credentials

    if refused := site.refusal(request):
        raise step.refuse("dns_lookup", refused)
    addresses = step(dns_lookup, endpoint, deadline)
    ports = product.usual_ports
    connected = step(tcp_connect, endpoint, addresses, site.guard, deadline, ports)
    tell = partial(step.note, "tcp_connect")
    others = trying_others(connected, endpoint, addresses, site.guard, deadline, tell)
    with connected as connection, others:
        if "tls_handshake" in steps:
            tell_certificate = partial(step.note, "tls_handshake") if compared else None
            with noting_certificate(connection, tell_certificate):
                connection = step(tls_handshake, connection, endpoint, tls, site.trust, deadline)
        if "http_response" not in steps:
            return
        further = FurtherEndpoints(endpoint, tls, site)
        exchange = Exchange(connection, endpoint, further.connection, step.learn)
        hello = product.hello(endpoint)
        response = step(http_response, exchange, hello, product.doubts, deadline)
        if "product_identify" not in steps:
            return
        identity = step(product_identify, exchange, product, response, deadline)
        if "authenticate" not in steps:
            return
        with signing_out(exchange, step.note_open_session):
            signing_in = product.authenticate(endpoint, options, identity, credentials)
            session = step(authenticate, exchange, signing_in, request.doubts, refusal, deadline)
            step(authorize, exchange, product.authorize(endpoint, session), deadline)
        if product.service_endpoints:
            step(service_endpoints, product.service_endpoints, session, further.reach, deadline)


def run_inspection_steps(
    request: InspectionRequest, site: Site, step: Recorder, deadline: Deadline
) -> None:
    """Inspect a host's certificates, judged as in the handshake of a test; send nothing else.

    Raises:
        Failed: a step failed, and `step` has recorded it.
    """
    endpoint = request.target
    tls = TlsOptions(ca_certificate=request.options.tls.ca_certificate)

    if refused := site.refusal(request):
        raise step.refuse("dns_lookup", refused)
    addresses = step(dns_lookup, endpoint, deadline)
    with step(tcp_connect, endpoint, addresses, site.guard, deadline) as connection:
        judge = partial(tls_handshake, endpoint=endpoint, tls=tls, trust=site.trust)
        explain = partial(site.investigate, "tls_handshake", cancellation=deadline.cancellation)
        step(inspect_certificate, connection, endpoint.server_name, judge, explain, deadline)
