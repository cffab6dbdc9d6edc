import pytest

from shared.silence import FAR_S, LEAST_S, LONGEST_S, LOOK_S, NEAR_S, Silence


@pytest.mark.parametrize("seconds", [LEAST_S, NEAR_S, 17.3, FAR_S, LONGEST_S])
def test_a_worker_is_given_up_after_the_silence(seconds: float) -> None:
    """Its sign expires first, and then the looks find none."""
    silence = Silence(seconds)

    looked_for_s = (silence.looks - 1) * LOOK_S
    assert seconds <= silence.sign_ms / 1000 + looked_for_s < seconds + LOOK_S


@pytest.mark.parametrize(("site", "seconds"), [("default", 4), ("fra1", 30)])
def test_the_silence_belongs_to_the_site(site: str, seconds: float) -> None:
    """Workers of the default site are next to Redis; the line to others may be cut for 20 s."""
    assert Silence.of(site).seconds == seconds


def test_a_cut_of_twenty_seconds_leaves_the_signs_of_a_far_site_alone() -> None:
    """Until they expire, the API accepts jobs for the site."""
    assert Silence.of("fra1").sign_ms > 20_000 + 2_000  # to notice it, and to connect again


@pytest.mark.parametrize("seconds", [LEAST_S, LONGEST_S])
def test_a_worker_beats_several_times_before_its_sign_expires(seconds: float) -> None:
    """One beat may be late."""
    assert Silence(seconds).sign_ms >= 2 * LOOK_S * 1000
