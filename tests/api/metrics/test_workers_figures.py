"""Figures are what workers have written to Redis: none of them may blind the operator."""

import pytest

from api.metrics.scrapes import SiteFigures, workers_text
from api.metrics.workers_figures import MOST_BYTES, MOST_OF_A_SITE, merged
from shared.queue.queued_job import BULK, INTERACTIVE
from shared.store.jobs.workload import Load
from worker.metrics import Metrics

GOOD = b'# HELP conncheck_a A.\n# TYPE conncheck_a counter\nconncheck_a{b="c"} 3.0\n'
HEAD = b"# HELP conncheck_a A.\n# TYPE conncheck_a counter\n"


def shown(**figures: bytes) -> str:
    """Return what Prometheus is answered."""
    return merged({"fra1": figures}).decode()


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
        HEAD + b'conncheck_a{worker="good"} 1\n',
        HEAD + b'conncheck_a{b="c",site="default"} 1\n',
        HEAD + b'conncheck_a{b="c",b="d"} 1\n',
        HEAD + b'conncheck_a{__name__="up"} 1\n',
        HEAD + b"conncheck_a 1e999\n",
        HEAD + b"conncheck_a -1e999\n",
        HEAD + b"conncheck_a " + b"9" * 400 + b"\n",
        HEAD + b"# TYPE conncheck_a gauge\nconncheck_a 1\n",
        b"conncheck_a 1\n",
        b"# HELP conncheck_a A.\n# TYPE conncheck_a nonsense\nconncheck_a 1\n",
        b"# HELP conncheck_b A.\n# TYPE conncheck_a counter\nconncheck_a 1\n",
        HEAD + b"conncheck_a 1\n" * (MOST_BYTES // 10),
    ],
)
def test_one_worker_s_nonsense_hides_no_other_s_figures(hostile: bytes) -> None:
    """A scrape that breaks would hide all of the service behind one bad worker."""
    text = shown(good=GOOD, hostile=hostile)

    assert 'conncheck_a{b="c",site="fra1",worker="good"} 3.0\n' in text
    assert 'worker="hostile"' not in text


def test_a_worker_s_name_forges_no_line() -> None:
    """It is what a worker has written to Redis, too."""
    name = 'a"} 1\nconncheck_b{c="\\'

    assert merged({"default": {name: GOOD}}).decode().count("\n") == GOOD.count(b"\n")


def test_all_of_a_metric_stands_together() -> None:
    """Prometheus takes the head of a metric once."""
    text = shown(one=Metrics(INTERACTIVE, 200).text(), two=Metrics(BULK, 7).text())

    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) > 5
    assert 'conncheck_worker_slots{queue="interactive",site="fra1",worker="one"} 200.0\n' in text
    assert 'conncheck_worker_slots{queue="bulk",site="fra1",worker="two"} 7.0\n' in text


def test_a_worker_can_forge_no_figure_of_the_api() -> None:
    """An alert would fire, or not, as a site that was taken over likes."""
    forged = b"# HELP conncheck_workers W.\n# TYPE conncheck_workers gauge\nconncheck_workers 9\n"
    workers = {"forger": SiteFigures(Load(0, 0, 0.0), figures={"w": forged})}

    text = workers_text({"default": SiteFigures(Load(1, 0, 0.0)), **workers}).decode()

    assert "9" not in text
    assert 'conncheck_jobs_waiting{site="default"} 1.0\n' in text


def test_a_site_changes_no_meaning_of_a_figure() -> None:
    """Who reads a dashboard would read a stolen worker's words, or another site's counter fall."""
    forged = GOOD.replace(b" A.", b" Call 555 0100.").replace(b"counter", b"gauge")
    alone = b"# HELP conncheck_b Call 555 0100.\n# TYPE conncheck_b gauge\nconncheck_b 1\n"

    text = merged({"a1": {"w": forged + alone}, "default": {"d": GOOD}}).decode()

    assert "555" not in text
    assert text.count("# TYPE conncheck_a counter") == text.count("# TYPE conncheck_a") == 1
    assert 'conncheck_a{b="c",site="a1"' not in text
    assert 'conncheck_b{site="a1",worker="w"} 1\n' in text


def test_a_site_s_figures_are_bounded() -> None:
    """It can have as many workers as it likes to write down."""
    long = b"\n" * MOST_BYTES
    many = {f"w{n:02}": long for n in range(MOST_OF_A_SITE // MOST_BYTES)}

    text = merged({"default": {"d": GOOD}, "fra1": {**many, "z": GOOD}, "sin1": {"s": GOOD}})

    assert [name in text for name in (b'"d"', b'"z"', b'"s"')] == [True, False, True]


def test_what_can_t_be_read_of_one_site_hides_no_other() -> None:
    """Its workers can write another kind of key."""
    text = workers_text({"fra1": SiteFigures(), "sin1": SiteFigures(Load(2, 1, 3.0))}).decode()

    assert "fra1" not in text
    assert 'conncheck_jobs_running{site="sin1"} 1.0\n' in text
