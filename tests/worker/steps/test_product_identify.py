from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.diagnosis.outcomes import Passed
from shared.platform.answers.relatives import KNOWN_OTHER
from shared.platform.http import Flow, HttpResponse
from shared.products import PRODUCTS, AnyProduct
from tests.network.loopback import connected, endpoint, failure_to, soon
from tests.network.servers import always, answering_and_holding, hold, reply, serving
from tests.worker.steps.flows import ITS_OWN, asking_twice, finding_a_fault
from worker.deadline import Deadline
from worker.http.exchange import HEADER_TIMEOUT, Exchange
from worker.steps.product_identify import product_identify

HELLO = HttpResponse(200, "OK", {}, b"{}", datetime.now(UTC))


def product(flow: Callable[[], Flow[Passed[str]]]) -> AnyProduct:
    """Return a product that `flow` identifies."""
    return replace(PRODUCTS["zstack"], identify=lambda _endpoint, _hello: flow())


def test_the_products_flow_decides_what_is_found() -> None:
    """The version of a product may take two questions."""
    script = answering_and_holding(reply(b"a"), reply(b"b"))
    with serving(script) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        passed = product_identify(exchange, product(asking_twice), HELLO, soon())

        assert len(server.requests) == 2
    assert passed.value == "ab"
    assert passed.facts == {"seen": 2}


def test_the_products_own_cause_is_the_steps() -> None:
    """Nobody but the product knows what its answers mean."""
    with (
        serving(answering_and_holding(reply(b"no"))) as server,
        connected(server.port) as connection,
    ):
        exchange = Exchange(connection, endpoint())
        faulty = product(finding_a_fault)
        failed = failure_to(lambda: product_identify(exchange, faulty, HELLO, soon()))

    assert failed.cause is ITS_OWN


def test_a_platform_that_falls_silent_ends_the_step_at_the_deadline() -> None:
    """However long a product's conversation is, the step has one time limit."""
    with serving(hold) as server, connected(server.port) as connection:
        exchange, limit = Exchange(connection, endpoint()), Deadline.after(0.2)

        silent = product(asking_twice)
        failed = failure_to(lambda: product_identify(exchange, silent, HELLO, limit))
    assert failed.cause is HEADER_TIMEOUT


REFUSAL = HttpResponse(401, "", {}, b'{"message":"401 Unauthorized"}', datetime.now(UTC))


@pytest.mark.parametrize("name", ["kubernetes", "proxmox", "s3"])
def test_what_names_itself_as_software_of_another_kind_gets_no_key(name: str) -> None:
    """Its refusal says no more than a hidden platform's, but its header does."""
    gitlab = replace(REFUSAL, headers={"x-gitlab-meta": '{"version":"1"}'})
    refusing = always(reply(REFUSAL.body, "X-Gitlab-Meta: {}", status="401 Unauthorized"))
    with serving(refusing) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        failed = failure_to(lambda: product_identify(exchange, PRODUCTS[name], gitlab, soon()))

    assert failed.cause is KNOWN_OTHER
    assert failed.finding.facts["found"] == "GitLab"


def test_what_passes_sign_ins_on_to_a_platform_gets_the_key() -> None:
    """Rancher stands before the API servers of its clusters."""
    rancher = replace(REFUSAL, headers={"x-api-cattle-auth": "false"})
    with serving(hold) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        passed = product_identify(exchange, PRODUCTS["kubernetes"], rancher, soon())

    assert passed.warnings == ()
