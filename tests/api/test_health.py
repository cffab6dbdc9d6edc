"""Whether the process lives is asked of the process, and whether tests can run of Redis."""

from pathlib import Path

import httpx

from tests.running.service import poll, running_service, stopped
from tests.running.sites import is_alive, service_with_sites


def test_without_redis_the_api_is_alive_and_not_ready(tmp_path: Path) -> None:
    """A process that is killed because Redis is away comes back to no Redis."""
    with running_service(tmp_path) as service, stopped(service.part("redis.sock")):
        alive = httpx.get(f"{service.url}/healthz", trust_env=False, timeout=60)
        ready = httpx.get(f"{service.url}/readyz", trust_env=False, timeout=60)

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert int(ready.headers["retry-after"]) > 0


def test_a_service_is_ready_while_any_site_can_test(tmp_path: Path) -> None:
    """A proxy would send no calls for the other sites to an API whose own workers are gone."""
    with (
        service_with_sites(tmp_path, "fra1") as (service, sites),
        stopped(service.part("worker --queue interactive")),
    ):
        poll(lambda: not is_alive(service, "default"))
        alone = httpx.get(f"{service.url}/readyz", trust_env=False, timeout=60)
        with sites.worker(service, "fra1"):
            ready = httpx.get(f"{service.url}/readyz", trust_env=False, timeout=60)

    assert alone.status_code == 503
    assert ready.json() == {"status": "ready", "queues": ["bulk"]}
