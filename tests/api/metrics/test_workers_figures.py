"""Figures are what workers have written to Redis: none of them may blind the operator."""

import pytest

from api.metrics.workers_figures import MOST_BYTES, merged
from shared.queue.queued_job import BULK, INTERACTIVE
from worker.metrics import Metrics

GOOD = b'# HELP conncheck_a A.\n# TYPE conncheck_a counter\nconncheck_a{b="c"} 3.0\n'
HEAD = b"# HELP conncheck_a A.\n# TYPE conncheck_a counter\n"


def shown(**figures: bytes) -> str:
    """Return what Prometheus is answered."""
    return merged(figures).decode()


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xfe",
        HEAD + b"conncheck_a three\n",
        HEAD + b"conncheck_a{ 1\n",
        HEAD + b'conncheck_a{b="c} 1\n',
        HEAD + b'conncheck_a{b="c"} 1 # {d="e"} 1\n',
        HEAD + b"conncheck_b 1\n",
        HEAD + b"up_forged 1\n",
        b"conncheck_a 1\n",
        b"# HELP conncheck_a A.\n# TYPE conncheck_a nonsense\nconncheck_a 1\n",
        b"# HELP conncheck_b A.\n# TYPE conncheck_a counter\nconncheck_a 1\n",
        HEAD + b"conncheck_a 1\n" * (MOST_BYTES // 10),
    ],
)
def test_one_worker_s_nonsense_hides_no_other_s_figures(hostile: bytes) -> None:
    """A scrape that breaks would hide all of the service behind one bad worker."""
    text = shown(good=GOOD, hostile=hostile)

    assert 'conncheck_a{b="c",worker="good"} 3.0\n' in text
    assert 'worker="hostile"' not in text


def test_a_worker_s_name_forges_no_line() -> None:
    """It is what a worker has written to Redis, too."""
    name = 'a"} 1\nconncheck_b{c="\\'

    assert merged({name: GOOD}).decode().count("\n") == GOOD.count(b"\n")


def test_all_of_a_metric_stands_together() -> None:
    """Prometheus takes the head of a metric once."""
    text = shown(one=Metrics(INTERACTIVE, 200).text(), two=Metrics(BULK, 7).text())

    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) > 5
    assert 'conncheck_worker_slots{queue="interactive",worker="one"} 200.0\n' in text
    assert 'conncheck_worker_slots{queue="bulk",worker="two"} 7.0\n' in text
