from collections.abc import Sequence

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import URL_MALFORMED, Endpoint
from shared.policy.target_policy import PORT_BLOCKED
from shared.text import LONGEST_SHOWN
from tests.network.loopback import KNOWN, failure_to, soon
from worker.deadline import Deadline
from worker.steps.service_endpoints import (
    CATALOG_ENDPOINT_UNREACHABLE,
    CATALOG_NOT_TESTED,
    CATALOG_TOO_LARGE,
    CATALOG_UNREACHABLE,
    MOST_PLACES,
    service_endpoints,
)
from worker.visits import TARGETS_RATE

CLOSED = Cause("test.closed", "platform", "{host} port {port} is closed", ("Open it.",))


class Network:
    """Reaches every host but some, and remembers where it was asked to go."""

    def __init__(self, *closed: str) -> None:
        self._closed = closed
        self.asked: list[str] = []

    def __call__(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Reach the endpoint, or fail."""
        deadline.remaining_s()
        self.asked.append(str(endpoint))
        if endpoint.host in self._closed:
            raise Failed(CLOSED)


def looked_at(
    named: Sequence[tuple[str, str]], network: Network, deadline: Deadline
) -> Passed[None]:
    """Return what the step makes of a session that names these."""
    return service_endpoints(tuple, named, network, deadline)


def named(*hosts: str) -> Sequence[tuple[str, str]]:
    return [(f"at-{host}", f"https://{host}:8774/v2.1") for host in hosts]


def test_each_endpoint_is_a_row_of_the_table() -> None:
    """The table is what somebody who opens firewalls works through."""
    passed = looked_at(named("a", "b"), Network(), soon())

    assert not passed.warnings
    assert passed.facts == {
        "endpoints": (
            "at-a https://a:8774/v2.1 reachable",
            "at-b https://b:8774/v2.1 reachable",
        ),
        "named": 2,
        "tested": 2,
        "unreachable": 0,
        "not_tested": 0,
    }


def test_one_that_can_not_be_reached_is_a_warning_with_its_own_cause_and_place() -> None:
    """The platform was signed in to all the same; what is closed is named, host and port."""
    passed = looked_at(named("a", "b"), Network("b"), soon())

    first, why = passed.warnings
    assert first.cause is CATALOG_ENDPOINT_UNREACHABLE
    assert "at-b" in first.summary(KNOWN)
    assert why.cause is CLOSED
    assert why.summary(KNOWN) == "b port 8774 is closed"
    assert "at-b https://b:8774/v2.1 test.closed" in str(passed.facts["endpoints"])


def test_none_that_can_be_reached_is_a_failure() -> None:
    """A catalogue of internal addresses is the usual fault, and nothing works then."""
    failed = failure_to(lambda: looked_at(named("a", "b"), Network("a", "b"), soon()))

    assert failed.cause is CATALOG_UNREACHABLE
    assert [finding.cause for finding in failed.contributing] == [CLOSED, CLOSED]
    assert "at-a, at-b" in failed.finding.summary(KNOWN)


def test_a_failure_says_that_others_were_not_tested() -> None:
    """The endpoints that work may be among them, and their owner must know that."""
    hosts = [f"h{n}" for n in range(MOST_PLACES + 5)]
    failed = failure_to(lambda: looked_at(named(*hosts), Network(*hosts), soon()))

    assert failed.cause is CATALOG_UNREACHABLE
    first = failed.contributing[0]
    assert first.cause is CATALOG_TOO_LARGE
    assert f"{MOST_PLACES} of the {MOST_PLACES + 5} endpoints" in first.summary(KNOWN)


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "https://a:0", "https://u:p@a", "file:///etc", "x" * 9999]
)
def test_an_address_that_is_none_is_unreachable(url: str) -> None:
    """Catalogues are typed by hand; nothing that is no endpoint is connected to."""
    network = Network()
    passed = looked_at([("odd", url), *named("a")], network, soon())

    assert passed.warnings[0].cause is CATALOG_ENDPOINT_UNREACHABLE
    assert network.asked == ["https://a:8774/v2.1"]
    if not url:
        assert passed.warnings[1].cause is URL_MALFORMED


def test_what_stands_at_one_place_is_looked_at_once() -> None:
    """A proxy in front of all services must not be taken for a target of many connections."""
    network = Network()
    passed = looked_at([*named("a"), ("v3", "https://a:8774/v3")], network, soon())

    assert len(network.asked) == 1
    assert passed.facts["tested"] == 2


def test_a_platform_can_not_send_us_everywhere() -> None:
    """The list is the platform's: a hostile one would make a scanner of us."""
    network = Network()
    hosts = [f"h{n}" for n in range(MOST_PLACES + 5)]
    passed = looked_at([*named(*hosts), ("again", "https://h0:8774/v3")], network, soon())

    assert len(network.asked) == MOST_PLACES
    assert passed.facts["tested"] == MOST_PLACES + 1
    (warning,) = passed.warnings
    assert warning.cause is CATALOG_TOO_LARGE
    assert f"connects to {MOST_PLACES} of them at most" in warning.summary(KNOWN)
    (remedy,) = warning.remedies(KNOWN)
    assert "on their own" in remedy


@pytest.mark.parametrize("cause", [TARGETS_RATE, PORT_BLOCKED])
def test_one_that_we_do_not_allow_is_not_tested_and_the_platform_not_to_blame(
    cause: Cause,
) -> None:
    """Nothing was proven of it; a platform that works never fails for a limit of ours."""

    def refuse(endpoint: Endpoint, _: Deadline) -> None:
        if endpoint.host != "open":
            raise Failed(cause, host=endpoint.host, port=8774, most=1)

    passed = service_endpoints(tuple, named("open", "b"), refuse, soon())
    none = service_endpoints(tuple, named("a", "b"), refuse, soon())

    for one, not_tested in ((passed, 1), (none, 2)):
        first, *reasons = one.warnings
        assert first.cause is CATALOG_NOT_TESTED
        assert "at-b" in first.summary(KNOWN)
        assert [reason.cause for reason in reasons] == [cause] * not_tested
        assert (one.facts["not_tested"], one.facts["unreachable"]) == (not_tested, 0)
        assert f"at-b https://b:8774/v2.1 {cause.code}" in str(one.facts["endpoints"])


def test_what_is_unreachable_beside_what_was_not_tested_is_a_warning() -> None:
    """The one that was not tested may be the one that works."""

    def reach(endpoint: Endpoint, _: Deadline) -> None:
        raise Failed(CLOSED if endpoint.host == "a" else TARGETS_RATE, most=1)

    passed = service_endpoints(tuple, named("a", "b"), reach, soon())

    causes = [warning.cause for warning in passed.warnings]
    assert causes == [CATALOG_ENDPOINT_UNREACHABLE, CLOSED, CATALOG_NOT_TESTED, TARGETS_RATE]


def test_what_there_is_no_time_for_is_said_to_be_untested() -> None:
    """Silence about them would pass for success."""
    passed = looked_at(named("a"), Network(), Deadline.after(-1))

    assert [warning.cause for warning in passed.warnings] == [CATALOG_TOO_LARGE]
    assert passed.facts["tested"] == 0


def test_an_endpoint_is_not_blamed_for_our_own_time() -> None:
    """A test that is cancelled, or whose time is up, cuts the connection itself."""
    deadline = soon()

    def cut_off(endpoint: Endpoint, _: Deadline) -> None:
        deadline.cancellation.request()
        raise Failed(CLOSED)

    passed = service_endpoints(tuple, named("a"), cut_off, deadline)

    assert [warning.cause for warning in passed.warnings] == [CATALOG_TOO_LARGE]


def test_what_became_of_an_endpoint_survives_a_long_address() -> None:
    """Lines are cut where they are shown."""
    long = ("n" * 300, f"https://a/{'x' * 300}")
    passed = looked_at([long, *named("b")], Network("b"), soon())

    rows = passed.facts["endpoints"]
    assert isinstance(rows, tuple)
    assert rows[0].endswith(" reachable")
    assert max(len(row) for row in rows) < LONGEST_SHOWN


def test_a_platform_that_names_nothing_passes() -> None:
    """A key without a scope is shown no catalogue."""
    assert looked_at((), Network(), soon()).facts["named"] == 0
