"""Whether the process lives is asked of the process, and whether tests can run of Redis."""

from pathlib import Path

import httpx

from tests.running.service import running_service, stopped


def test_without_redis_the_api_is_alive_and_not_ready(tmp_path: Path) -> None:
    """A process that is killed because Redis is away comes back to no Redis."""
    with running_service(tmp_path) as service, stopped(service.part("redis.sock")):
        alive = httpx.get(f"{service.url}/healthz", trust_env=False, timeout=60)
        ready = httpx.get(f"{service.url}/readyz", trust_env=False, timeout=60)

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert int(ready.headers["retry-after"]) > 0
