"""docker-compose.yml, run for real: what it promises holds while parts die and are replaced.

The tests share one deployment, in the order in which an operator meets these things.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import pytest

from shared.queue.queued_job import INTERACTIVE
from tests.containers import images
from tests.containers.deployment import PLATFORM, ROOT, Deployment
from tests.containers.engine import Engine
from tests.running.batches import finished, submitted, until
from tests.running.service import CALL, a_request, poll

pytestmark = pytest.mark.timeout(600)

OURS: Final = ("api", "worker", "bulk-worker")
SETTINGS: Final = {
    "CONNCHECK_CA_FILE": "/certificates/ca.pem",
    "CONNCHECK_TOKENS_FILE": "/tokens/tokens.json",
    "CONNCHECK_TRUSTED_PROXIES": "192.0.2.1",
    "CONNCHECK_MAX_QUEUED": "5000",
    "CONNCHECK_CANARIES": "192.0.2.2:443",
    "CONNCHECK_INVESTIGATE_S": "1.0",
}
OF_THE_API: Final = {"CONNCHECK_TOKENS_FILE", "CONNCHECK_TRUSTED_PROXIES", "CONNCHECK_MAX_QUEUED"}
OF_THE_WORKERS: Final = {"CONNCHECK_CANARIES"}
WRONG_KEY: Final = "hunter2-hunter2"
ITEMS: Final = 20
ITEMS_OF_AN_UPGRADE: Final = 2000  # more than is tested while the workers are replaced


@contextmanager
def silent_platform(deployment: Deployment) -> Iterator[None]:
    """Have a platform that accepts connections and says nothing while the block runs."""
    (container,) = deployment.containers("platform")
    deployment.engine.docker("pause", container)
    try:
        yield
    finally:
        deployment.engine.docker("unpause", container)


def shown_settings(deployment: Deployment, service: str) -> set[str]:
    """Return the lines in which a running container shows its settings."""
    container = deployment.containers(service)[0]
    return set(deployment.engine.docker("exec", container, "conncheck", "settings").splitlines())


def metrics(deployment: Deployment, token: str, path: str = "/metrics/workers") -> httpx.Response:
    """Return what the API answers there to a bearer of `token`."""
    with deployment.client(token) as client:
        return client.get(path)


def test_the_documented_commands_start_every_part(deployment: Deployment) -> None:
    """They are the first thing that anybody tries."""
    assert {name: len(deployment.containers(name)) for name in OURS} == {
        "api": 1,
        "worker": 1,
        "bulk-worker": 2,
    }
    assert all(deployment.restarts(name) == 0 for name in OURS)


def test_settings_of_the_env_file_reach_the_parts(deployment: Deployment) -> None:
    """And no other part: the files of the API's tokens exist in no worker."""
    token = deployment.follow(
        "install -d -m 700 -o 10001 tokens", 'docker run --rm -v "$PWD/tokens'
    ).strip()
    deployment.write_settings(**SETTINGS)
    deployment.up()
    lines = {name: f"{name}={value}" for name, value in SETTINGS.items()}

    given = {lines[name] for name in lines if name not in OF_THE_WORKERS}
    assert given <= shown_settings(deployment, "api")
    given = {lines[name] for name in lines if name not in OF_THE_API}
    for worker in ("worker", "bulk-worker"):
        assert given <= shown_settings(deployment, worker)
        (container, *_) = deployment.containers(worker)
        mounts = deployment.inspect(container)["Mounts"]
        assert [mount["Destination"] for mount in mounts] == ["/certificates"]
    with deployment.client(token) as client:
        assert client.post(CALL, json=a_request(PLATFORM)).status_code == 200


def test_a_platform_is_signed_in_to(deployment: Deployment) -> None:
    """Over HTTPS, with an authority that only the operator's file makes trusted."""
    answer = deployment.test()

    assert answer["success"] is True, answer


def test_a_wrong_key_is_blamed(deployment: Deployment) -> None:
    """It must be in no log afterwards, which the last test looks for."""
    answer = deployment.test(secretKey=WRONG_KEY)

    assert answer["success"] is False
    assert WRONG_KEY not in json.dumps(answer)


def test_a_batch_is_tested(deployment: Deployment) -> None:
    """By the bulk workers, which are containers of their own."""
    with deployment.client() as client:
        shown = finished(client, submitted(client, [a_request(PLATFORM)] * ITEMS))

    assert shown["passed"] == ITEMS, shown


@pytest.mark.parametrize("path", ["/metrics", "/metrics/workers"])
def test_the_metrics_are_for_bearers_of_the_token(deployment: Deployment, path: str) -> None:
    """The port is published: without the token of .env they would stand open."""
    token = deployment.settings()["CONNCHECK_METRICS_TOKEN"]

    assert metrics(deployment, "wrong", path).status_code == httpx.codes.UNAUTHORIZED
    assert metrics(deployment, token, path).status_code == httpx.codes.OK


def test_workers_are_added_by_one_option(deployment: Deployment) -> None:
    """Each of them is seen in the metrics."""
    token = deployment.settings()["CONNCHECK_METRICS_TOKEN"]
    slots = re.compile(rf'^conncheck_worker_slots{{[^}}]*queue="{INTERACTIVE}"', re.MULTILINE)
    deployment.compose("up", "--detach", "--no-build", "--scale", "worker=2")
    deployment.wait_until_healthy()

    poll(lambda: len(slots.findall(metrics(deployment, token).text)) == len(("one", "two")))
    assert deployment.test()["success"] is True


def test_a_worker_that_dies_is_replaced_and_its_job_ends(deployment: Deployment) -> None:
    """The test had not signed in, so it is begun again."""
    deployment.up()  # with one worker again
    (worker,) = deployment.containers("worker")
    with silent_platform(deployment), deployment.engine.crashing(worker) as crash:
        job = deployment.submit()
        poll(lambda: deployment.look(job).get("status") == "running")
        crash()

    assert deployment.closed(job)["success"] is True
    assert deployment.restarts("worker") == 1
    deployment.wait_until_healthy()


def test_redis_that_dies_comes_back_with_what_it_had(deployment: Deployment) -> None:
    """No part is started again for it: what they are at goes on."""
    job = deployment.submit()
    deployment.closed(job)
    before = deployment.restarts("worker")
    (redis,) = deployment.containers("redis")
    with deployment.engine.crashing(redis) as crash:
        crash()
    deployment.wait_until_healthy()

    poll(lambda: deployment.look(job).get("status") == "finished")
    assert deployment.test()["success"] is True
    assert deployment.restarts("redis") == 1
    assert deployment.restarts("worker") == before
    assert deployment.restarts("api") == deployment.restarts("bulk-worker") == 0


def test_prometheus_scrapes_with_the_token(deployment: Deployment, engine: Engine) -> None:
    """Of the profile `monitoring`; Debian has no Grafana, so that it is left out here."""
    images.import_prometheus(engine)
    deployment.up("prometheus", profile="monitoring")
    url = f"http://{deployment.address('prometheus')}:9090"

    query = {"query": 'up{job=~"conncheck.*"} == 1'}
    with deployment.client(url=url) as client:

        def scraped_jobs() -> set[str]:
            found = client.get("/api/v1/query", params=query).json()["data"]["result"]
            return {one["metric"]["job"] for one in found}

        poll(lambda: scraped_jobs() == {"conncheck", "conncheck-workers"}, within_s=60)


def test_rabbitmq_carries_the_queue(deployment: Deployment, engine: Engine) -> None:
    """Of the profile `rabbitmq`, with the two settings that the head names."""
    if not images.RABBITMQ.exists():
        pytest.skip("no RabbitMQ on this machine (Debian: apt-get install rabbitmq-server)")
    images.import_rabbitmq(engine)
    url = "amqp://conncheck:a-password@rabbitmq:5672//"
    deployment.write_settings(RABBITMQ_PASSWORD="a-password", CONNCHECK_BROKER_URL=url)
    deployment.up(profile="rabbitmq")
    (rabbitmq,) = deployment.containers("rabbitmq")

    assert deployment.test()["success"] is True
    assert INTERACTIVE in engine.docker("exec", rabbitmq, "rabbitmqctl", "-q", "list_queues")


def test_an_upgrade_loses_nothing(deployment: Deployment, engine: Engine) -> None:
    """From the image of the commit before: the workers first, then the API, as documented."""
    _build_the_commit_before(engine)
    engine.docker("tag", "conncheck", "conncheck:now")
    engine.docker("tag", "conncheck:before", "conncheck")
    deployment.write_settings(CONNCHECK_BROKER_URL="")
    deployment.up()
    job = deployment.submit()
    deployment.closed(job)
    with deployment.client() as client:
        batch = submitted(client, [a_request(PLATFORM)] * ITEMS_OF_AN_UPGRADE)
        until(client, batch, lambda shown: shown["passed"] > 0)
    engine.docker("tag", "conncheck:now", "conncheck")
    deployment.compose("up", "--detach", "--no-build", "--no-deps", "worker", "bulk-worker")
    deployment.compose("up", "--detach", "--no-build", "--no-deps", "api")
    deployment.wait_until_healthy()

    assert deployment.look(job)["success"] is True
    with deployment.client() as client:
        assert finished(client, batch, within_s=300)["passed"] == ITEMS_OF_AN_UPGRADE


def test_nothing_was_written_to_the_containers(deployment: Deployment, engine: Engine) -> None:
    """Their roots are read-only, and nothing has tried."""
    for container in (one for name in OURS for one in deployment.containers(name)):
        assert deployment.inspect(container)["HostConfig"]["ReadonlyRootfs"] is True
        changed = engine.docker("diff", container).split()[1::2]
        assert set(changed) <= {"/certificates", "/sites", "/tokens"}  # what is mounted there
    assert "Read-only file system" not in deployment.logs()


def test_no_secret_is_in_a_log(deployment: Deployment) -> None:
    """Whatever happened: parts died, keys were wrong, everything was started again."""
    logs = deployment.logs()
    secret = re.compile("PASSWORD|TOKENS$|METRICS_TOKEN|PRIVATE_KEYS")
    values = [value for name, value in deployment.settings().items() if secret.search(name)]

    assert len(values) >= len(("redis", "tokens", "metrics", "sealing"))
    assert "conncheck.audit" in logs
    for value in (WRONG_KEY, *(value.removeprefix("me:") for value in values)):
        assert value not in logs


def test_no_worker_warns_that_it_is_root(deployment: Deployment) -> None:
    """It is not: Celery takes a user without a name for root."""
    assert "SecurityWarning" not in deployment.logs()


def _build_the_commit_before(engine: Engine) -> None:
    directory = engine.directory / "before"
    directory.mkdir()
    archive = subprocess.run(
        ["git", "archive", "HEAD~1"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip("the commit before is not there")
    subprocess.run(["tar", "--extract"], cwd=directory, input=archive.stdout, check=True)
    (directory / "Dockerfile").write_bytes((ROOT / "Dockerfile").read_bytes())
    base = ("--build-arg", "BASE=stand-in/base")
    engine.docker("build", *base, "--tag", "conncheck:before", str(directory))
