from shared.distance import NEAR, Distance
from shared.silence import Silence

ROUND_TRIP_S = 0.4
SENT_AGAIN_S = 0.6 + 1.2
"""How much later an answer is if two packets are lost one after the other (RFC 6298)."""
CUT_S = 20.0


def test_a_far_redis_may_answer_late() -> None:
    """A connection that is alive must not be given up: a new one takes six round trips."""
    far = Distance.of("fra1")

    for limit_s in (far.answer_s, far.listen_s, far.poll_answer_s):
        assert limit_s > ROUND_TRIP_S + SENT_AGAIN_S


def test_a_worker_is_back_from_a_cut_before_it_is_given_up() -> None:
    """It notices the cut while it lasts, and may be in the middle of its last vain attempt."""
    far, silence = Distance.of("fra1"), Silence.of("fra1")
    back_after_s = CUT_S + far.answer_s + 6 * ROUND_TRIP_S

    assert back_after_s < silence.seconds


def test_the_default_site_is_near() -> None:
    """Its workers do as they did before there were sites."""
    assert NEAR.answer_s < 1
    assert NEAR.most_messages == 1
