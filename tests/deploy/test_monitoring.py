"""The alert rules and the dashboard speak of metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics.scrapes import SiteFigures, process_text, workers_text
from shared.queue.queued_job import BULK, INTERACTIVE, QueueName
from shared.store.jobs.presence import Presence
from shared.store.jobs.workload import Load
from worker.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "conncheck.json"
PROMTOOL = shutil.which("promtool")
CHECKS = (
    # Only the syntax: promtool would look for the token's file here.
    ("check", "config", "--syntax-only", "prometheus.yml"),
    ("check", "rules", "alerts.yml"),
    ("test", "rules", "alerts_test.yml"),
)


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


def shown() -> str:
    """Return all that Prometheus is answered."""
    waiting: dict[QueueName, int] = {INTERACTIVE: 0, BULK: 0}
    figures = {"worker": Metrics(INTERACTIVE, 200).text()}
    load, presence = Load(0, 0, 0.0), Presence(0, 0, waiting, {}, None)
    of_site = SiteFigures(load, waiting, presence, figures)
    return (process_text(load, waiting) + workers_text({"default": of_site})).decode()


def exported() -> set[str]:
    """Return the names of all samples, and of all that a histogram makes."""
    kinds = {metric.name: metric.type for metric in text_string_to_metric_families(shown())}
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    return {name + end for name, kind in kinds.items() for end in endings.get(kind, ("",))}


def exported_bounds() -> set[str]:
    """Return the bounds of the buckets, as they stand in the text that Prometheus reads."""
    return set(re.findall(r'le="([^"]+)"', shown()))


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\bconncheck_[a-z_]+", text))


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool (Debian: apt-get install prometheus)")
@pytest.mark.parametrize("command", CHECKS, ids=" ".join)
def test_prometheus_takes_its_files(command: tuple[str, ...]) -> None:
    """The rules have tests of their own, which promtool runs."""
    assert PROMTOOL
    done = subprocess.run(
        [PROMTOOL, *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_dashboard_is_exported() -> None:
    """A panel without a metric shows a line of nothing, which looks like peace."""
    named = named_in(json.dumps(dashboard()))

    assert named
    assert named <= exported()


def test_every_metric_of_the_alerts_is_exported() -> None:
    """An alert about a metric that is not there never fires."""
    named = named_in((DEPLOY / "prometheus" / "alerts.yml").read_text())

    assert named
    assert named <= exported()


def test_every_bucket_that_is_asked_for_is_exported() -> None:
    """Bounds are compared as text: a sum over a bucket that there is not is empty, for ever."""
    texts = [(DEPLOY / "prometheus" / "alerts.yml").read_text()]
    texts += [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    asked = {bound for text in texts for bound in re.findall(r'le="([^"]+)"', text)}

    assert asked
    assert asked <= exported_bounds()


def test_panels_neither_overlap_nor_share_an_id() -> None:
    """Grafana would show one of them only."""
    panels = dashboard()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert max(x for x, _ in cells) < 24


def test_what_a_worker_tells_can_be_read_again() -> None:
    """The API merges the texts of all workers."""
    text = Metrics(BULK, 7).text().decode()

    names = [family.name for family in text_string_to_metric_families(text)]
    assert "conncheck_worker_slots" in names
