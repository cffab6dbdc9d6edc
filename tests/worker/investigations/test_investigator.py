from collections.abc import Callable

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from tests.network.loopback import loopback
from tests.network.servers import full_backlog, hold, serving
from worker.deadline import Cancellation, Deadline
from worker.investigations.investigator import CANARY_S, VANTAGE_OFFLINE, Investigator, Unexplained
from worker.tcp.connection import TargetAddress

PLAIN = Cause("test.plain", "network", "{host} is silent", ())
BETTER = Cause("test.better", "network", "{host} is filtered", ())
BESIDE = Finding(Cause("test.beside", "caller", "{host} is odd", (), severity="warning"))
OWN_FAULT = Cause("test.fault", "platform", "{host} is down", ())
NOBODY = TargetAddress.parse("127.0.0.1", 1)


def investigate(failed: Failed, *canaries: TargetAddress, budget_s: float = 3) -> Failed:
    """Return what an investigation of a connection makes of `failed`."""
    return Investigator(budget_s, canaries)("tcp_connect", failed, Cancellation())


def test_the_better_cause_is_told() -> None:
    """That is what the second look is for."""
    found = investigate(Unexplained(Failed(PLAIN), lambda _: Failed(BETTER, port=1)))

    assert found.cause is BETTER
    assert found.finding.facts == {"port": 1}


def test_what_was_added_to_the_failure_is_kept_once() -> None:
    """What is doubtful about a request is no look's to know."""
    plain = Unexplained(Failed(PLAIN), lambda _: Failed(BETTER))
    plain.contributing = (*plain.contributing, BESIDE, Finding(BETTER))

    assert investigate(plain).contributing == (BESIDE,)


def test_a_look_replaces_what_the_step_had_found() -> None:
    """It has looked at each of those again."""
    found = investigate(Unexplained(Failed(PLAIN, BESIDE), lambda _: Failed(BETTER)))

    assert found.contributing == ()


def _breaks(_: Deadline) -> Failed:
    raise KeyError


def _times_out(deadline: Deadline) -> Failed:
    raise TimeoutError


@pytest.mark.parametrize("look", [lambda _: None, _breaks, _times_out])
def test_a_look_that_sees_nothing_leaves_the_plain_cause(
    look: Callable[[Deadline], Failed | None],
) -> None:
    """The investigation may never make a verdict worse."""
    assert investigate(Unexplained(Failed(PLAIN), look)).cause is PLAIN


def test_without_a_look_the_failure_is_what_it_was() -> None:
    """Most failures say what they are."""
    failed = Failed(PLAIN)

    assert investigate(failed) is failed


def test_a_look_has_the_budget_and_no_more() -> None:
    """A caller waits for it."""
    left_s: list[float] = []
    investigate(Unexplained(Failed(PLAIN), lambda d: left_s.append(d.remaining_s())), budget_s=2)

    assert 1 < left_s[0] <= 2


def test_without_a_budget_nothing_is_looked_at() -> None:
    """Who looks without time sees nothing but silence, and would blame it."""
    looks: list[Deadline] = []
    found = investigate(Unexplained(Failed(PLAIN), looks.append), budget_s=0)

    assert (found.cause, looks) == (PLAIN, [])


def test_a_look_leaves_time_for_the_canaries() -> None:
    """Canaries that are not asked in time would all seem dead."""
    left_s: list[float] = []
    with serving(hold) as server:
        look = Unexplained(Failed(PLAIN), lambda d: left_s.append(d.remaining_s()))
        investigate(look, loopback(server.port), budget_s=2)

    assert left_s[0] <= 2 - CANARY_S


def test_where_no_canary_answers_we_are_offline_ourselves() -> None:
    """Nothing is known of the platform then, and it must not be blamed."""
    found = investigate(Failed(PLAIN, BESIDE), NOBODY, TargetAddress.parse("127.0.0.2", 1))

    assert found.cause is VANTAGE_OFFLINE
    assert [finding.cause for finding in found.contributing] == [PLAIN, BESIDE.cause]


@pytest.mark.parametrize("place", [0, 1])
def test_one_canary_that_answers_is_enough(place: int) -> None:
    """A canary may be down itself."""
    with serving(hold) as server:
        canaries = [NOBODY, NOBODY]
        canaries[place] = loopback(server.port)

        assert investigate(Failed(PLAIN), *canaries).cause is PLAIN


def test_a_look_that_breaks_does_not_keep_the_canaries_from_being_asked() -> None:
    """Without a network of our own nearly every look breaks."""
    assert investigate(Unexplained(Failed(PLAIN), _breaks), NOBODY).cause is VANTAGE_OFFLINE


def test_canaries_that_there_is_no_time_for_prove_nothing() -> None:
    """A verdict of "offline" that nobody looked for would be a guess."""
    assert investigate(Failed(PLAIN), NOBODY, budget_s=0).cause is PLAIN


def test_silent_canaries_share_the_time() -> None:
    """The caller does not wait a second for each of them; the last ones would have no time left."""
    with full_backlog() as port:
        found = investigate(Failed(PLAIN), *[loopback(port)] * 10, budget_s=3)

    assert found.cause is VANTAGE_OFFLINE


def test_a_fault_of_the_platform_asks_no_canary() -> None:
    """An answer proves that the network is right."""
    assert investigate(Failed(OWN_FAULT), NOBODY).cause is OWN_FAULT
