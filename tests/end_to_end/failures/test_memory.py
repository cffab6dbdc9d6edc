"""Search the memories of the running parts for what must not be in them."""

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.running.service import CALL, Service, a_request, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

TOKEN = "canary-token-5b1e0c"
SECRET = "canary-secret-77d2f3"
WRITABLE = re.compile("([0-9a-f]+)-([0-9a-f]+) rw")
CHUNK_BYTES = 1 << 20


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service that has tested a platform a few times."""
    folder = tmp_path_factory.mktemp("memory")
    keys = {"AKID": SECRET}
    with (
        running_service(folder, CONNCHECK_TOKENS=f"me:{TOKEN}") as service,
        zstack_node(ZstackNode(keys=keys)) as (_, port),
    ):
        body = a_request(f"127.0.0.1:{port}", secretKey=SECRET)
        for _ in range(5):
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = httpx.post(service.url + CALL, json=body, headers=headers, trust_env=False)
            assert answer.json()["success"] is True
        yield service


def found_in(pid: int, *canaries: bytes) -> list[bytes]:
    """Return which of `canaries` a process has in its memory."""
    found: set[bytes] = set()
    overlap = max(map(len, canaries))
    if not os.access(f"/proc/{pid}/mem", os.R_OK):
        pytest.skip("the parts keep their memory private: only root may look into it")
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for first, end in WRITABLE.findall(Path(f"/proc/{pid}/maps").read_text()):
            for at in range(int(first, 16), int(end, 16), CHUNK_BYTES):
                length = min(CHUNK_BYTES + overlap, int(end, 16) - at)
                try:
                    memory.seek(at)
                    content = memory.read(length)
                except OSError:  # [vvar] and what was unmapped meanwhile
                    continue
                found |= {canary for canary in canaries if canary in content}
    return sorted(found)


def private_key(service: Service) -> tuple[bytes, bytes]:
    """Return the private key as text and raw."""
    return _key_in(service, "sealing.key")


def signing_key(service: Service) -> tuple[bytes, bytes]:
    """Return the key that signs jobs as text and raw."""
    return _key_in(service, "signing.key")


def _key_in(service: Service, name: str) -> tuple[bytes, bytes]:
    text = (service.data_dir / name).read_bytes().strip()
    return text, b64decode(text)


def test_the_api_never_holds_the_private_key(used: Service) -> None:
    """A broken-in API must not open what others sent: not by its environment, nor its memory."""
    api = used.part("cli api")

    assert found_in(api, *private_key(used)) == []
    assert found_in(api, TOKEN.encode())  # the search is not blind


@pytest.mark.parametrize("queue", ["interactive", "bulk"])
def test_a_worker_never_holds_the_key_that_signs_jobs(used: Service, queue: str) -> None:
    """A broken-in worker must not have the others test what was never asked for."""
    worker = used.part(f"cli worker --queue {queue}")

    assert found_in(worker, *signing_key(used)) == []
    assert found_in(used.part("cli api"), *signing_key(used))  # the search is not blind


@pytest.mark.parametrize("queue", ["interactive", "bulk"])
def test_a_worker_never_holds_the_tokens(used: Service, queue: str) -> None:
    """It talks to strange machines; what lets callers in is no business of its."""
    worker = used.part(f"cli worker --queue {queue}")
    digest = sha256(TOKEN.encode())

    assert found_in(worker, TOKEN.encode(), digest.digest(), digest.hexdigest().encode()) == []
    assert found_in(worker, private_key(used)[0])  # the search is not blind


def test_redis_holds_neither_nor_any_credential(used: Service) -> None:
    """All of what it keeps is sealed, or nobody's secret."""
    redis = used.part("redis.sock")

    assert found_in(redis, TOKEN.encode(), SECRET.encode(), *private_key(used)) == []
    assert found_in(redis, b"step_ended")
