"""Figures are what workers have written to Redis: none of them may blind the operator."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from api.metrics import MOST_BYTES, Seen

GOOD = b"# TYPE conncheck_steps counter\nconncheck_steps_total 3\n"


def shown(**figures: bytes) -> str:
    """Return what Prometheus is answered."""
    registry = CollectorRegistry()
    registry.register(Seen(None, None, figures))
    return generate_latest(registry).decode()


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xfe",
        b"conncheck_steps_total three\n",
        b"conncheck_steps_total{\n",
        b"# TYPE conncheck_steps nonsense\nconncheck_steps 1\n",
        b"conncheck_a 1\n" * (MOST_BYTES // 10),
    ],
    ids=["no text", "no number", "no label", "no type", "too much"],
)
def test_one_worker_s_nonsense_hides_no_other_s_figures(hostile: bytes) -> None:
    """A scrape that breaks would hide all of the service behind one bad worker."""
    text = shown(good=GOOD, hostile=hostile)

    assert 'conncheck_steps_total{worker="good"} 3.0' in text
    assert 'worker="hostile"' not in text


def test_a_worker_s_figures_are_conncheck_s_alone() -> None:
    """Others' names would be taken for figures of other services in the same Prometheus."""
    assert "forged" not in shown(hostile=b"up_forged 1\n")
