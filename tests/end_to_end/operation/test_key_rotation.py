"""Replace the keys while jobs wait that were sealed and signed with the old ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.service.up import free_port
from shared.sealing import new_key_pair
from shared.signing import new_signing_pair
from tests.running.own_redis import OwnRedis
from tests.running.service import CALL, a_request, poll, start
from tests.stand_ins.zstack import zstack_node

PUBLIC, PRIVATE = "CONNCHECK_SEALING_PUBLIC_KEY", "CONNCHECK_SEALING_PRIVATE_KEYS"
SIGN, VERIFY = "CONNCHECK_SIGNING_PRIVATE_KEYS", "CONNCHECK_SIGNING_PUBLIC_KEYS"
JOBS, BATCHES = f"{CALL}/jobs", f"{CALL}/batches"
TOKEN = "rotation-token"


class Deployment:
    """The parts on their own, each with what it needs out of one env file."""

    def __init__(self, folder: Path, redis_url: str, *, signs: bool) -> None:
        self.env_file = folder / ".env"
        private, public = new_key_pair()
        lines = [f"{PUBLIC}={public}", f"{PRIVATE}={private}"]
        if signs:
            signing, verifying = new_signing_pair()
            lines += [f"{SIGN}={signing}", f"{VERIFY}={verifying}"]
        self.env_file.write_text("\n".join(lines))
        self._common = {"CONNCHECK_REDIS_URL": redis_url}
        self.port = free_port("127.0.0.1")
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=30,
        )

    def keys(self, stage: str) -> None:
        """Take a documented step."""
        command = [str(Path(sys.executable).parent / "conncheck"), "keys", stage]
        subprocess.run([*command, "--env-file", str(self.env_file)], check=True)

    @contextmanager
    def api(self) -> Iterator[None]:
        """Run an API while the block runs."""
        settings = {"CONNCHECK_TOKENS": f"me:{TOKEN}", **self._some(PUBLIC, SIGN)}
        with self._running(["api", "--port", str(self.port)], settings):
            poll(self._answers)
            yield

    @contextmanager
    def workers(self) -> Iterator[list[int]]:
        """Run a worker of each queue while the block runs; give their process ids."""
        settings = {
            **self._some(PRIVATE, VERIFY),
            "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        with (
            self._running(["worker"], settings) as one,
            self._running(["worker", "--queue", "bulk"], settings) as other,
        ):
            yield [one, other]

    def queues(self) -> int:
        """Return how many queues are served."""
        return len(self.client.get("/readyz").json().get("queues", []))

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def _some(self, *names: str) -> dict[str, str]:
        """Return those of the settings that the file has."""
        known = dict(line.split("=", 1) for line in self.env_file.read_text().splitlines())
        return {name: known[name] for name in names if name in known}

    @contextmanager
    def _running(self, command: list[str], settings: Mapping[str, str]) -> Iterator[int]:
        with start(command, {**self._common, **settings}) as process:
            try:
                yield process.pid
            finally:
                process.kill()


@pytest.mark.parametrize("signs", [True, False], ids=["signed", "of an older installation"])
def test_no_queued_job_is_lost_when_the_keys_are_replaced(tmp_path: Path, signs: bool) -> None:
    """Neither a single test nor a batch that waits."""
    redis = OwnRedis(tmp_path)
    redis.start()
    try:
        _replace_keys_under_queued_jobs(Deployment(tmp_path, redis.url, signs=signs))
    finally:
        redis.stop()


def _replace_keys_under_queued_jobs(deployment: Deployment) -> None:
    client = deployment.client
    with zstack_node() as (node, port):
        body = a_request(f"127.0.0.1:{port}")
        with deployment.api():
            with deployment.workers() as old:
                poll(lambda: deployment.queues() == 2)
                for pid in old:
                    os.kill(pid, signal.SIGSTOP)  # it was alive a moment ago, and takes nothing
                job = client.post(JOBS, json=body).headers["location"]
                batch = client.post(BATCHES, json={"items": [body]}).headers["location"]
            deployment.keys("add")
            with deployment.workers():
                poll(lambda: all(client.get(one).json()["finishedAt"] for one in (job, batch)))
                closed, batched = client.get(job).json(), client.get(batch).json()
        deployment.keys("use")
        with deployment.api(), deployment.workers():
            deployment.keys("drop")
            poll(lambda: deployment.queues() == 2)
            after = client.post(CALL, json=body).json()

    assert closed["status"] == "finished"
    assert closed["success"] is True
    assert batched["passed"] == 1
    assert after["success"] is True
    assert len(node.judged) == 3
