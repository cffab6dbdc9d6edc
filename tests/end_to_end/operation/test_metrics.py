"""/metrics: what an operator's Prometheus sees of a running service."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.certificates.authority import Authority
from tests.running.service import Service, poll, running_service, stopped
from tests.stand_ins.zstack import ZstackNode, zstack_node

PROMTOOL = shutil.which("promtool")
PATHS = ("/metrics", "/metrics/workers")
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service whose figures the tests of this module share."""
    with running_service(tmp_path_factory.mktemp("metrics")) as service:
        yield service


def text_of(service: Service) -> str:
    """Return all that Prometheus is answered."""
    answers = [httpx.get(service.url + path, trust_env=False, timeout=60) for path in PATHS]
    assert [answer.status_code for answer in answers] == [200, 200]
    return "".join(answer.text for answer in answers)


def scraped(service: Service) -> Figures:
    """Return every sample by its name and its labels, without the worker's name."""
    found: Figures = {}
    for family in text_string_to_metric_families(text_of(service)):
        for sample in family.samples:
            labels = frozenset((k, v) for k, v in sample.labels.items() if k != "worker")
            found[sample.name, labels] = found.get((sample.name, labels), 0) + sample.value
    return found


def of(found: Figures, name: str, **labels: str) -> float:
    """Return the sum of the samples of that name with at least these labels."""
    return sum(value for (n, own), value in found.items() if n == name and labels.items() <= own)


def test_steps_are_counted_by_product_outcome_and_cause(service: Service) -> None:
    """The alert on a fleet's health is made of these."""
    with zstack_node(ZstackNode()) as (_, port):
        service.test(f"127.0.0.1:{port}")
        service.test(f"127.0.0.1:{port}", secretKey="WRONG")
    wrong = {"step": "authenticate", "outcome": "failed", "cause": "auth.secret_mismatch"}
    poll(lambda: of(scraped(service), "conncheck_steps_total", product="zstack", **wrong) == 1)
    found = scraped(service)

    assert of(found, "conncheck_steps_total", step="authenticate", outcome="passed") == 1
    assert of(found, "conncheck_step_seconds_count", step="tcp_connect") == 2


def test_a_certificate_is_counted_with_the_time_it_has_left(service: Service) -> None:
    """The alert on certificates that expire looks at nothing else."""
    authority = Authority()
    tls = authority.server("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=5))
    options = {"tls": {"caCertificate": authority.pem}}
    with zstack_node(tls=tls) as (_, port):
        answer = service.test(f"https://127.0.0.1:{port}", options=options)
    assert answer.json()["success"] is True, answer.text

    metric = "conncheck_certificate_expires_in_seconds"
    poll(lambda: of(scraped(service), f"{metric}_count") == 1)
    found = scraped(service)
    assert of(found, f"{metric}_bucket", le="259200.0") == 0
    assert of(found, f"{metric}_bucket", le="604800.0") == 1


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool (Debian: apt-get install prometheus)")
def test_prometheus_own_linter_accepts_all_of_it(service: Service) -> None:
    """Names and units as everywhere else are what other people's dashboards expect."""
    assert PROMTOOL
    poll(lambda: of(scraped(service), "conncheck_workers") == 2)
    text = text_of(service)

    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    assert "conncheck_certificate_expires_in_seconds_bucket" in text
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_refusal_of_the_guard_is_counted(service: Service) -> None:
    """Somebody who tries metadata addresses should be seen."""
    service.test("169.254.169.254:80")

    poll(lambda: of(scraped(service), "conncheck_steps_total", cause="policy.address_blocked") == 1)


def test_workers_and_the_queue_are_shown(service: Service) -> None:
    """These tell when a worker more is needed."""
    poll(lambda: of(scraped(service), "conncheck_workers") == 2)
    found = scraped(service)

    assert of(found, "conncheck_worker_slots", queue="interactive") == 200
    assert of(found, "conncheck_worker_slots", queue="bulk") == 200
    assert of(found, "conncheck_queue_depth", queue="bulk") == 0
    assert of(found, "conncheck_up", part="store") == 1
    assert of(found, "conncheck_worker_process_resident_memory_bytes") > 0
    assert of(found, "conncheck_api_process_resident_memory_bytes") > 0


def test_a_job_that_waits_is_shown_with_its_age(service: Service) -> None:
    """A queue that grows old is the first sign of too few workers."""
    with stopped(service.part("worker --queue interactive")):
        service.submit("127.0.0.1:1")
        poll(lambda: of(scraped(service), "conncheck_oldest_job_seconds") > 0.2)

        assert of(scraped(service), "conncheck_jobs_waiting") == 1


def test_no_label_holds_what_a_caller_sent(service: Service) -> None:
    """Hosts and keys in labels would cost memory, and tell who tests what."""
    text = text_of(service)

    for sent in ("127.0.0.1", "169.254", "AKID", "WRONG"):
        assert sent not in text


def test_without_redis_the_scrape_says_so(tmp_path: Path) -> None:
    """An answer of 503 would look like an API that is gone."""
    with running_service(tmp_path) as service, stopped(service.part("redis.sock")):
        found = scraped(service)

        assert of(found, "conncheck_up", part="store") == 0
        assert of(found, "conncheck_up", part="broker") == 0


def test_what_all_api_processes_share_is_not_among_their_own_figures(service: Service) -> None:
    """Two of them are both scraped, and every test would be counted twice."""
    poll(lambda: of(scraped(service), "conncheck_workers") == 2)
    own = httpx.get(f"{service.url}/metrics", trust_env=False).text

    names = {family.name for family in text_string_to_metric_families(own)}
    assert "conncheck_up" in names
    assert {name for name in names if not name.startswith("conncheck_api_")} == {"conncheck_up"}


@pytest.mark.parametrize("path", PATHS)
def test_a_token_can_be_asked_for(tmp_path: Path, path: str) -> None:
    """Who tests how much is nobody's business on a shared network."""
    with running_service(tmp_path, CONNCHECK_METRICS_TOKEN="prometheus") as service:
        url = service.url + path
        tried = [
            httpx.get(url, trust_env=False, headers=headers).status_code
            for headers in (
                {},
                {"Authorization": "Bearer x"},
                {"Authorization": "Bearer prometheus2"},
            )
        ]
        right = {"Authorization": "Bearer prometheus"}

        assert tried == [401] * 3
        assert httpx.get(url, trust_env=False, headers=right).status_code == 200
