import pytest

from shared.diagnosis.entries import StepEnded, StepStarted
from shared.diagnosis.outcomes import Facts
from shared.diagnosis.translations import Language
from shared.reporting.fold import fold
from shared.wire.inspections import Inspection, inspection
from tests.shared.diagnosis.stories import at, closed, queued, started

SHA256 = "ab" * 32


def inspected(facts: Facts, language: Language = "en") -> Inspection:
    """Return the response to an inspection that found `facts`."""
    steps = (
        StepStarted(at=at(2), step="inspect_certificate"),
        StepEnded(
            at=at(3),
            step="inspect_certificate",
            outcome="passed",
            took_ms=1.0,
            causes=(),
            facts={"trusted": True, "0.sha256": SHA256, **facts},
        ),
    )
    job = fold((queued(), started(), *steps, closed()))
    assert job is not None
    return inspection("j1", job, language)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "DNS:192.0.2.7 (an address must be an IP entry)"),
        ("zh-CN", "DNS:192.0.2.7 (地址必须是 IP 条目)"),
    ],
)
def test_a_name_that_clients_ignore_is_told_with_the_reason(language: Language, told: str) -> None:
    """It is in the certificate, and still no name to use."""
    facts: Facts = {
        "0.names": ("cloud.example.com",),
        "0.ignored_names": ("DNS:192.0.2.7",),
        "0.ignored_because": ("an address must be an IP entry",),
    }

    (shown,) = inspected(facts, language).certificates

    assert (shown.names, shown.ignored_names) == (("cloud.example.com",), (told,))
