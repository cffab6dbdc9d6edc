"""A canary secret must be nowhere but in the worker's memory and on the wire to the platform."""

import json
import re
import socket
from ast import literal_eval
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.running.service import Service, children_of, command_of, running_service
from tests.stand_ins.answering import answering_by
from tests.stand_ins.clouds import CLOUDS, Cloud
from tests.stand_ins.zstack import ZstackNode, zstack_node

# Characters that base64 and URLs spell differently.
CANARY = "canary/secret+7f3a 9=&é"
KEY = "CANARYACCESSKEY0001"
TOKEN = "canary/session+token=7f3a=="
THE_END = "the-end-of-what-is-watched"


def forms(secret: str) -> set[bytes]:
    """Return the spellings in which a secret could leak."""
    raw = secret.encode()
    # Base64 of a longer text holds another spelling for each of three positions in it.
    shifted = {b64encode(b"x" * n + raw)[4:-4] for n in range(3)}
    spelled = {quote(secret).encode(), quote_plus(secret).encode(), secret.encode("unicode_escape")}
    return {raw, b64encode(raw), *spelled, *shifted}


@contextmanager
def watched(service: Service, into: Path) -> Iterator[None]:
    """Write down every command that Redis executes while the block runs."""
    with (
        into.open("wb") as output,
        socket.socket(socket.AF_UNIX) as connection,
        connection.makefile("rb") as watched_lines,
    ):
        connection.connect(service.redis_socket())
        connection.sendall(b"MONITOR\r\n")
        output.write(watched_lines.readline())  # OK: it watches from here on
        yield
        with service.redis() as redis:
            redis.echo(THE_END)
        for line in watched_lines:
            output.write(line)
            if THE_END.encode() in line:
                break


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give all that a healthy, a refused and an invalid call leave behind."""
    tmp_path = tmp_path_factory.mktemp("secrets")
    with (
        running_service(tmp_path, CONNCHECK_LOG_LEVEL="DEBUG") as service,
        watched(service, tmp_path / "monitor"),
        zstack_node(ZstackNode(keys={KEY: CANARY})) as (_, port),
        answering_by(lambda asked: CLOUDS["huaweicloud"](Cloud(), asked)) as cloud,
    ):
        keys = {"accessKey": KEY, "secretKey": CANARY}
        answers = [
            service.test(f"127.0.0.1:{port}", **keys),
            service.test(f"127.0.0.1:{port}", **{**keys, "secretKey": CANARY + "wrong"}),
            service.test(f"127.0.0.1:{port}", **{**keys, "accessKey": KEY + "wrong"}),
            service.test(f"127.0.0.1:{port}", **keys, secret=CANARY),
            service.test(f"http://u:{KEY}@127.0.0.1:{port}", **keys),
            *(
                service.test(
                    f"http://127.0.0.1:{cloud}",
                    **keys,
                    productType="huaweicloud",
                    options={"sessionToken": TOKEN, **more},
                )
                for more in ({}, {"unknown": TOKEN})
            ),
        ]
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200, 200, 200, 422, 422, 200, 422]
        assert answers[0].json()["success"] is True
        processes = [service.process.pid, *children_of(service.process.pid)]
        arguments = "".join(command_of(pid) for pid in processes)
    files = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    answered = b"".join(answer.content for answer in answers)
    return {**files, "answers": answered, "arguments": arguments.encode()}


def test_the_traces_are_worth_searching(traces: dict[str, bytes]) -> None:
    """A search that looks at nothing finds nothing."""
    by_name = {Path(name).name: content for name, content in traces.items()}
    # Redis 7 keeps it in several files, appendonly.aof.1.incr.aof and others.
    written = b"".join(by_name[name] for name in by_name if name.startswith("appendonly.aof"))

    assert b"step_ended" in written
    assert b"LPUSH" in by_name["monitor"]
    assert b"XADD" in by_name["monitor"]
    assert b'"outcome": "passed"' in by_name["log"]


@pytest.mark.parametrize("secret", [CANARY, KEY, TOKEN])
def test_h7_no_trace_holds_a_secret_in_any_spelling(traces: dict[str, bytes], secret: str) -> None:
    """Redis, its file, broker messages, logs, answers and process arguments are read by many."""
    leaks = {
        (name, form)
        for name, content in traces.items()
        for form in forms(secret)
        if form in content
    }

    assert leaks == set()


def arguments_in(push: bytes) -> list[str]:
    """Return what the task is called with by the message of a line of MONITOR.

    MONITOR escapes as Python does. Celery encodes the body, who pushes with the job does not.
    """
    quoted = push[push.index(b'"{') :].decode()
    message = json.loads(literal_eval(f"b{quoted}"))
    is_encoded = message["properties"].get("body_encoding") == "base64"
    body = b64decode(message["body"]) if is_encoded else message["body"]
    arguments: list[str] = json.loads(body)[0]
    return arguments


def test_a_broker_message_holds_the_job_and_its_target_alone(traces: dict[str, bytes]) -> None:
    """The broker may be another machine's; not even the sealed request goes there."""
    monitor = next(content for name, content in traces.items() if name.endswith("monitor"))
    messages = [line for line in monitor.splitlines() if b'"LPUSH"' in line]

    assert messages
    for arguments in map(arguments_in, messages):
        assert re.fullmatch(r"[0-9a-f]{32} 127\.0\.0\.1:[0-9]+ interactive", " ".join(arguments))


def test_the_sealed_request_goes_when_it_has_been_used(traces: dict[str, bytes]) -> None:
    """What is not there can't be opened with a key that is stolen later."""
    monitor = next(content for name, content in traces.items() if name.endswith("monitor"))
    lines = [line for line in monitor.splitlines() if b":sealed" in line]
    written = {line.split(b'"')[3] for line in lines if b'"SET"' in line}
    deleted = {line.split(b'"')[3] for line in lines if b'"DEL"' in line}

    assert written
    assert written <= deleted
