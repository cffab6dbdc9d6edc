"""Kill everything, again and again, while jobs run: each of them ends once all the same.

CONNCHECK_CHAOS_JOBS, _KILLS and _SEED choose how many and in which order; the seed is printed.
"""

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from shared.diagnosis.entries import Closed, StepEnded, StepStarted
from shared.store.jobs.job_stream import (
    Row,
    entry_of,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import (
    CALL,
    Service,
    a_request,
    children_of,
    command_of,
    environment_of,
    is_running,
    last_made,
    poll,
    running_service,
    start,
)
from tests.stand_ins.zstack import ZstackNode, zstack_node

JOBS = int(os.environ.get("CONNCHECK_CHAOS_JOBS", "300"))
KILLS = int(os.environ.get("CONNCHECK_CHAOS_KILLS", "20"))
SEED = int(os.environ.get("CONNCHECK_CHAOS_SEED", str(random.randrange(10**6))))
PAUSE_S = (0.5, 3.0)  # between two kills
ANSWER_S = 0.5  # a platform that takes its time, so that jobs are at it when something dies
CALLERS = 20
PATIENT = {"timeoutSeconds": 120}
"""A busy machine is no failure of the platform."""
PARTS = ("cli worker", "cli worker", "cli api", "redis.sock")


class Accounts:
    """A platform for which each job has an access key of its own, so that sign-ins are counted."""

    def __init__(self) -> None:
        names = [f"KEY{number:04}" for number in range(JOBS)]
        self.node = ZstackNode(keys=dict.fromkeys(names, "SECRET"), delay_s=ANSWER_S)
        self.names = names

    def sign_ins(self) -> Counter[str]:
        """Return how often each key was judged."""
        return Counter(self.node.judged)


@pytest.mark.timeout(900)
def test_whatever_dies_each_job_ends_once_and_signs_in_once(tmp_path: Path) -> None:
    """This is the promise that an answer of 202 makes."""
    print(f"seed {SEED}: {JOBS} jobs, {KILLS} kills")  # noqa: T201 -- to do it again
    accounts, dice, all_killed = Accounts(), random.Random(SEED), Event()
    settings = {"CONNCHECK_PER_TARGET": "50", "CONNCHECK_WORKER_SLOTS": "20"}
    with (
        running_service(tmp_path, **settings) as service,
        zstack_node(accounts.node) as (_, port),
        second_worker(service),
        ThreadPoolExecutor(1) as aside,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        killing = aside.submit(kill_often, service, dice, all_killed)
        submitting = []
        for name in accounts.names:
            endpoint = f"127.0.0.1:{port}"
            submitting.append(callers.submit(submitted, service, endpoint, name))
            all_killed.wait(KILLS * sum(PAUSE_S) / 2 / JOBS)  # so that there are some at each kill
        jobs = [future.result() for future in submitting]
        killing.result()
        poll(service.is_ready)
        closed = [service.closed(job, within_s=180) for job in jobs]
        stories = read_stories(service, jobs)
        # Messages of dead workers come back, find their jobs closed, and are gone.
        with suppress(AssertionError):  # the comparison below names the keys
            poll(lambda: not service.lasting_keys(), within_s=60)
        lasting = service.lasting_keys()
        children = children_of(service.process.pid)

    statuses = Counter(job["status"] for job in closed)
    print(f"statuses {dict(statuses)}, sign-ins {sum(accounts.sign_ins().values())}")  # noqa: T201
    assert lasting == set()
    assert len(closed) == JOBS
    assert set(statuses) <= {"finished", "lost", "expired"}
    assert statuses["finished"] > JOBS / 2
    slow = [job for job in closed if job["status"] == "finished" and not job["success"]]
    assert {last_made(job)["cause"] for job in slow} <= {"http.header_timeout"}
    assert len(slow) < JOBS / 20  # the platform is of this process, and the machine may be busy
    assert max(accounts.sign_ins().values()) == 1
    for story in stories:
        assert_one_end_and_no_item_twice(story)
    assert [pid for pid in children if is_running(pid)] == []


def assert_one_end_and_no_item_twice(story: list[Any]) -> None:
    """Check what the store holds of one job."""
    ends = [n for n, entry in enumerate(story) if isinstance(entry, Closed)]
    assert len(ends) >= 1
    counted = story[: ends[0] + 1]
    last_run = counted[max((n for n, e in enumerate(counted) if e.kind == "started"), default=0) :]
    steps = [entry.step for entry in last_run if isinstance(entry, StepEnded)]
    assert len(steps) == len(set(steps))
    sign_ins = [e for e in story if isinstance(e, StepStarted) and e.step == "authenticate"]
    assert len(sign_ins) <= 1


def second_worker(service: Service) -> Any:
    """Start a worker beside the one that `up` keeps running."""
    settings = environment_of(service.part("cli worker"))
    return stopping(start(["worker"], settings, stderr=subprocess.DEVNULL))


class stopping:  # noqa: N801 -- used like a function
    """Stop a process when the block ends."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def __enter__(self) -> None:
        """Do nothing: it runs already."""

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(60)


def kill_often(service: Service, dice: random.Random, done: Event) -> None:
    """Kill parts in random order with random pauses."""
    for _ in range(KILLS):
        done.wait(dice.uniform(*PAUSE_S))
        name = dice.choice(PARTS)
        pids = [p for p in children_of(service.process.pid) if name in command_of(p)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    done.set()


def submitted(service: Service, endpoint: str, access_key: str) -> str:
    """Return the address of a job that was accepted, however often it takes to be heard."""
    taken: list[str] = []

    def ask() -> bool:
        try:
            with service.client() as client:
                answer = client.post(
                    f"{CALL}/jobs",
                    json=a_request(endpoint, accessKey=access_key, options=PATIENT),
                    headers={"Idempotency-Key": access_key},
                )
        except httpx.TransportError:
            return False
        if answer.status_code == 202:
            taken.append(answer.headers["location"])
        return bool(taken)

    poll(ask, within_s=120)
    return taken[0]


def read_stories(service: Service, jobs: list[str]) -> Iterator[list[Any]]:
    """Return the entries of each job."""
    with service.redis() as redis:
        keys = [DEFAULT_KEYS.job(job.rpartition("/")[2]) for job in jobs]
        rows: list[list[Row]] = [redis.xrange(key) for key in keys]
    return iter([[entry_of(row) for row in story] for story in rows])
