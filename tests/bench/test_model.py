"""What many platforms need, by the CPU of one test."""

from bench.model import Costs, Needs, Plan, possible_a_second

COSTS = Costs(api_ms=1, worker_ms=4, redis_ms=0.5, result_kb=2.5)


def test_a_plan_takes_cores_for_its_rate_and_slots_for_its_waiting() -> None:
    """Both are needed: slow platforms take slots, and fast ones take cores."""
    found = Needs.of(Plan(100_000, every_s=250, takes_s=2, kept_s=3600), COSTS)

    assert (found.worker_cores, found.api_cores, found.redis_cores) == (1.6, 0.4, 0.2)
    assert found.worker_processes == 3  # 1.6 cores, and a process fills 0.7 of one
    assert found.slots == 800
    assert found.redis_gb == 3.6


def test_what_is_full_first_limits_the_rate() -> None:
    """An operator who adds workers where the cores are full gains nothing."""
    assert possible_a_second(COSTS, workers=1, cores=8, target_ms=0.5) == 250
    assert possible_a_second(COSTS, workers=8, cores=8, target_ms=0.5) == 1000  # the feeder
    assert possible_a_second(COSTS, workers=8, cores=3, target_ms=0.5) == 500
