import socket
from threading import Event
from time import monotonic  # noqa: TID251 -- one time is held against another

import pytest

from worker.deadline import Cancellation, Deadline

ROUNDING_S = 1e-6
"""Sums of times since the start of the machine are no more exact."""


def test_what_remains_is_what_was_given_less_what_passed() -> None:
    """Sockets are given what remains as their timeout."""
    deadline = Deadline.after(60)

    assert 59 < deadline.remaining_s() <= 60


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_deadline_that_is_over_raises_instead_of_giving_zero(seconds: float) -> None:
    """A socket takes a timeout of zero for non-blocking, which is another mode."""
    with pytest.raises(TimeoutError):
        Deadline.after(seconds).remaining_s()


def test_a_limit_that_is_nearer_wins() -> None:
    """A step has its own limit within the test's budget."""
    assert Deadline.after(60).at_most(5).remaining_s() <= 5


def test_a_limit_never_moves_the_deadline_away() -> None:
    """A step must not outlive the test."""
    assert Deadline.after(5).at_most(60).remaining_s() <= 5


def test_the_waiting_counts_from_when_the_limit_was_set() -> None:
    """A sentence says how long this step waited, not how long the whole test took."""
    long_ago = Deadline(at_s=Deadline.after(60).at_s, since_s=Deadline.after(0).at_s - 20)

    assert 20 <= long_ago.waited_s < 60
    assert long_ago.at_most(5).waited_s < 20


def test_the_waiting_is_said_to_a_tenth() -> None:
    """Nobody reads 3.0000041."""
    waited = Deadline(at_s=0, since_s=Deadline.after(0).at_s - 1 / 3).waited_s

    assert waited == round(waited, 1)


def test_the_time_of_a_test_stands_still_while_its_clock_is_stopped() -> None:
    """Time that a store far away takes is not the platform's, in the middle of a step either."""
    began_s = monotonic()
    deadline = Deadline.after(60)
    step_limit = deadline.at_most(5)
    with deadline.clock.stopped():
        Event().wait(0.2)
    used_s = [60 - deadline.remaining_s(), 5 - step_limit.remaining_s(), step_limit.passed_s]
    took_s = monotonic() - began_s

    assert took_s >= 0.2
    assert max(used_s) <= took_s - 0.2 + ROUNDING_S


def test_the_time_of_a_test_goes_on_after_an_error() -> None:
    """The store was unreachable."""
    deadline = Deadline.after(60)
    with pytest.raises(KeyError), deadline.clock.stopped():
        raise KeyError
    left_s = deadline.left_s
    Event().wait(0.01)

    assert deadline.left_s < left_s


def test_nothing_remains_of_a_cancelled_job() -> None:
    """No wait may begin any more, in whichever step the job is."""
    deadline = Deadline.after(60)
    step_limit = deadline.at_most(5)

    deadline.cancellation.request()

    with pytest.raises(TimeoutError):
        deadline.remaining_s()
    with pytest.raises(TimeoutError):
        step_limit.remaining_s()


def test_a_cancellation_wakes_who_waits_on_a_socket() -> None:
    """A job that nobody wants any more must not hold its slot until the platform answers."""
    cancellation = Cancellation()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        cancellation.watch(ours)
        cancellation.request()

        ours.settimeout(5)
        assert ours.recv(1) == b""


def test_a_socket_that_is_forgotten_is_left_alone() -> None:
    """Its descriptor may be another job's by now."""
    cancellation = Cancellation()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        cancellation.watch(ours)
        cancellation.forget(ours)
        cancellation.request()
        theirs.send(b"x")

        assert ours.recv(1) == b"x"


def test_a_cancelled_job_watches_no_further_socket() -> None:
    """A socket that is opened just then would not be shut down by anybody."""
    cancellation = Cancellation()
    cancellation.request()

    with socket.socket() as opened, pytest.raises(TimeoutError):
        cancellation.watch(opened)


def test_a_socket_that_was_never_connected_can_be_cancelled() -> None:
    """A job can be cancelled while it connects."""
    cancellation = Cancellation()
    with socket.socket() as opened:
        cancellation.watch(opened)
        cancellation.request()

    assert cancellation.is_requested


def test_a_deadline_tells_that_it_is_over() -> None:
    """What there is no time for must not be judged."""
    cancelled = Deadline.after(10)
    cancelled.cancellation.request()

    assert not Deadline.after(10).is_over
    assert Deadline.after(0).is_over
    assert cancelled.is_over
