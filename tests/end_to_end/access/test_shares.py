"""What one tenant may take of the service while others need it, too."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from shared.store.site_keys import DEFAULT_KEYS
from tests.running.batches import BATCHES
from tests.running.service import CALL, Service, a_request, poll, running_service
from tests.running.tenants import client_of, token_file
from tests.stand_ins.zstack import ZstackNode, zstack_node

JOBS = f"{CALL}/jobs"
SLOTS, SHARE = 4, 2
PATIENT = {"timeoutSeconds": 120, "force": True}
CALLERS = 500


@contextmanager
def shared_service(tmp_path: Path, **settings: str) -> Iterator[tuple[Service, dict[str, str]]]:
    """Give a service with few slots, and the tokens of two tenants."""
    file = tmp_path / "tokens.json"
    # With a rate, the items of a batch would take turns at their platform, and too few would wait.
    tokens = token_file(file, "alice", "bob", tests_per_minute=None, targets_per_minute=None)
    few = {"CONNCHECK_WORKER_SLOTS": str(SLOTS), "CONNCHECK_TOKENS_FILE": str(file)}
    with running_service(tmp_path, **few, **settings) as service:
        yield service, tokens


@contextmanager
def slow_node() -> Iterator[tuple[Event, str]]:
    """Give a platform that keeps its callers waiting until the event is set."""
    event = Event()
    with zstack_node(ZstackNode(hold_hello=event)) as (_, port):
        try:
            yield event, f"127.0.0.1:{port}"
        finally:
            event.set()


def test_i15_a_tenant_s_slow_tests_leave_slots_for_others(
    tmp_path: Path, node: tuple[ZstackNode, str]
) -> None:
    """Whoever comes first would have all slots, and nobody else an answer."""
    with ExitStack() as opened:
        service, tokens = opened.enter_context(shared_service(tmp_path))
        go_on, slow = opened.enter_context(slow_node())
        redis = opened.enter_context(service.redis())
        alice, bob = (opened.enter_context(client_of(service, token)) for token in tokens.values())
        body = a_request(slow, options=PATIENT)
        jobs = [alice.post(JOBS, json=body).headers["location"] for _ in range(2 * SLOTS)]
        poll(
            lambda: (
                (redis.zcard(DEFAULT_KEYS.running), redis.zcard(DEFAULT_KEYS.queued))
                == (SHARE, 2 * SLOTS - SHARE)
            )
        )

        answer = bob.post(CALL, json=a_request(node[1]))
        own = service.test(node[1])

        assert (answer.status_code, answer.json()["success"]) == (200, True)
        assert (own.status_code, own.json()["success"]) == (200, True)
        assert redis.zcard(DEFAULT_KEYS.running) == SHARE
        go_on.set()
        poll(lambda: redis.zcard(DEFAULT_KEYS.running) + redis.zcard(DEFAULT_KEYS.queued) == 0)
        closed = [alice.get(job).json() for job in jobs]

    assert [job["success"] for job in closed] == [True] * 2 * SLOTS


def test_i15_the_operator_s_own_tests_have_all_slots(tmp_path: Path) -> None:
    """A service for oneself must not stand half empty."""
    with (
        shared_service(tmp_path) as (service, _),
        slow_node() as (go_on, slow),
        service.redis() as redis,
    ):
        jobs = [service.submit(slow, options=PATIENT) for _ in range(SLOTS)]
        poll(lambda: redis.zcard(DEFAULT_KEYS.running) == SLOTS)
        go_on.set()

        assert all(service.closed(job)["success"] for job in jobs)


def test_i15_a_tenant_s_batch_leaves_slots_for_the_batches_of_others(
    tmp_path: Path, node: tuple[ZstackNode, str]
) -> None:
    """Nor does it take the place in the queue in which the others' items would wait."""
    with ExitStack() as opened:
        service, tokens = opened.enter_context(shared_service(tmp_path))
        go_on, slow = opened.enter_context(slow_node())
        redis = opened.enter_context(service.redis())
        alice, bob = (opened.enter_context(client_of(service, token)) for token in tokens.values())
        many = {"items": [a_request(slow, options=PATIENT, accessKey=f"A{n}") for n in range(400)]}
        assert alice.post(BATCHES, json=many).status_code == 202
        poll(
            lambda: (
                redis.zcard(DEFAULT_KEYS.running) == SHARE
                and redis.zcard(DEFAULT_KEYS.queued) > 100
            )
        )

        one = bob.post(BATCHES, json={"items": [a_request(node[1])]}).json()
        poll(lambda: bob.get(one["statusUrl"]).json()["passed"] == 1)

        assert redis.zcard(DEFAULT_KEYS.running) == SHARE
        go_on.set()


@pytest.mark.timeout(600)
def test_i16_500_callers_with_limits_and_keys_all_get_an_answer(tmp_path: Path) -> None:
    """Their limits and their keys are at Redis, too; a crowd is no outage."""
    file = tmp_path / "tokens.json"
    limits = {"tests_per_minute": 10_000, "targets_per_minute": 10_000}
    tokens = token_file(file, "alice", "bob", "carol", "dave", **limits)

    async def call_all(url: str) -> list[httpx.Response]:
        unlimited = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=url, limits=unlimited, timeout=300, trust_env=False
        ) as client:
            calls = []
            for n in range(CALLERS):
                token = [*tokens.values()][n % len(tokens)]
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{n}"}
                body = {"productType": "tcp", "endpoint": f"127.0.7.{n % 250 + 1}:{9000 + n}"}
                calls.append(client.post(JOBS, json=body, headers=headers))
            return await asyncio.gather(*calls)

    with running_service(tmp_path, CONNCHECK_TOKENS_FILE=str(file)) as service:
        answers = asyncio.run(call_all(service.url))
        log = service.log_text()

    assert [answer.text for answer in answers if answer.status_code != 202] == []
    assert "store=unreachable" not in log


def test_i17_a_tenant_opens_a_few_batches_and_is_told_what_to_do(tmp_path: Path) -> None:
    """All others need some of the batches that may be unfinished at a time."""
    with ExitStack() as opened:
        limit = {"CONNCHECK_MAX_BATCHES_PER_TENANT": "2"}
        service, tokens = opened.enter_context(shared_service(tmp_path, **limit))
        _, slow = opened.enter_context(slow_node())
        alice, bob = (opened.enter_context(client_of(service, token)) for token in tokens.values())
        one = {"items": [a_request(slow, options=PATIENT)]}
        first, second, third = (alice.post(BATCHES, json=one) for _ in range(3))
        others = bob.post(BATCHES, json=one)
        alice.delete(first.json()["statusUrl"])
        alice.delete(second.json()["statusUrl"])

    assert (first.status_code, second.status_code, others.status_code) == (202, 202, 202)
    assert third.status_code == 429
    assert third.json()["type"] == "urn:conncheck:problem:too-many-batches"
    assert "or cancel one" in third.json()["detail"]
    assert int(third.headers["retry-after"]) > 0
