from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import FoundCause, StepEnded
from shared.diagnosis.outcomes import Fact, Finding
from worker.metrics import A_DAY_S, Metrics
from worker.sign_in_guard import JUST_REJECTED

REFUSED = Cause("test.refused", "platform", "{host} is shut", ("Open {host}.",))


def ended(*causes: Cause, **facts: Fact) -> StepEnded:
    found = tuple(FoundCause.of(Finding(cause), {"host": "cloud.example.com"}) for cause in causes)
    return StepEnded(
        at=datetime.now(UTC),
        step="tcp_connect",
        outcome="failed" if causes else "passed",
        took_ms=12.0,
        causes=found,
        facts=facts,
    )


def samples(metrics: Metrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_failed_step_is_counted_under_its_cause() -> None:
    """What an alert looks at."""
    metrics = Metrics("bulk", 200)
    metrics.count("zstack", ended(REFUSED))
    metrics.count("zstack", ended(REFUSED))
    metrics.count("zstack", ended())

    counted = {
        (labels["outcome"], labels["cause"]): value
        for labels, value in samples(metrics)["conncheck_steps_total"]
    }
    assert counted == {("failed", "test.refused"): 2, ("passed", ""): 1}


def test_a_sign_in_that_was_withheld_is_not_counted_as_a_rejection() -> None:
    """The platform has rejected the key pair once, however often the test is repeated."""
    metrics = Metrics("bulk", 200)
    metrics.count("zstack", ended(REFUSED, Cause(JUST_REJECTED.code, "caller", "It.", ())))

    ((labels, _),) = samples(metrics)["conncheck_steps_total"]
    assert labels["cause"] == "policy.just_rejected"


def test_a_certificate_falls_into_the_bucket_of_its_remaining_time() -> None:
    """A fleet's certificates that expire this week are one number."""
    metrics = Metrics("bulk", 200)
    for days in (-2, 5, 200):
        metrics.count("zstack", ended(expires_in_s=days * A_DAY_S))
    metrics.count("zstack", ended())

    found = samples(metrics)
    buckets = {
        float(labels["le"]): value
        for labels, value in found["conncheck_certificate_expires_in_seconds_bucket"]
    }
    assert [buckets[days * A_DAY_S] for days in (0, 3, 7, 365)] == [1, 1, 2, 3]
    assert found["conncheck_certificate_expires_in_seconds_sum"] == [({}, 205 * A_DAY_S)]


def test_busy_slots_are_asked_for_when_they_are_shown() -> None:
    """A figure from the start of the process tells nothing."""
    metrics, busy = Metrics("interactive", 7), [0]
    metrics.watch(lambda: busy[0])
    busy[0] = 3

    ((labels, value),) = samples(metrics)["conncheck_worker_busy_slots"]
    assert (labels, value) == ({"queue": "interactive"}, 3)


def test_no_label_names_a_host() -> None:
    """Each host would be a series of its own, for ever."""
    metrics = Metrics("bulk", 200)
    metrics.count("zstack", ended(REFUSED, address="192.0.2.7"))

    assert b"cloud.example.com" not in metrics.text()
    assert b"192.0.2.7" not in metrics.text()
