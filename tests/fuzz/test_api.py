"""Send the running API what its own description allows and what it forbids (schemathesis)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from shared.policy.token_file import TokenEntry, TokenFile, TokenPolicy
from tests.running.service import Service, a_request, poll, running_service
from tests.stand_ins.zstack import zstack_node

SECONDS = int(os.environ.get("FUZZ_S", "60"))
TOKEN, CANARY = "fuzz-token-7c1e9b", "canary-secret-7c1e9b"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def fenced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int]]:
    """Give a service, and the port of a stand-in; nothing else may be connected to.

    The token's policy has loopback alone, two ports of it, and names of no domain that exists.
    """
    folder = tmp_path_factory.mktemp("fuzz")
    with zstack_node() as (_, port):
        policy = {"networks": ["127.0.0.0/8"], "domains": ["fuzz.invalid"], "ports": [port, 1]}
        # Without a rate: nearly all that it sends is refused, and that has a rate too.
        entry = TokenEntry(
            name="fuzz",
            sha256=sha256(TOKEN.encode()).hexdigest(),
            scopes=("admin",),
            policy=TokenPolicy.model_validate(policy),
            tests_per_minute=None,
            targets_per_minute=None,
        )
        TokenFile(tokens=(entry,)).write(folder / "tokens.json")
        limits = {"CONNCHECK_TARGET_RATE": "1000000", "CONNCHECK_ADDRESS_RATE": "1000000"}
        with running_service(
            folder, CONNCHECK_TOKENS_FILE=str(folder / "tokens.json"), **limits
        ) as service:
            service.token = TOKEN
            yield service, port


@pytest.mark.timeout(SECONDS + 120)
def test_the_api_keeps_to_its_description(fenced: tuple[Service, int], tmp_path: Path) -> None:
    """No 5xx, nothing that /openapi.json does not say, and nobody's secret in any answer."""
    service, port = fenced
    job = service.submit(f"127.0.0.1:{port}", secretKey=CANARY)
    poll(lambda: bool(service.look(job).get("finishedAt")))

    done = subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), *_arguments(service, tmp_path)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-20_000:]
    answers = _answers(tmp_path / "har")
    assert len(answers) > 100
    assert not [text for text in answers if TOKEN in text or CANARY in text]
    assert CANARY not in service.log_text()
    assert TOKEN not in service.log_text()
    assert service.test(f"127.0.0.1:{port}", **_KEYS).json()["success"] is True


_KEYS = {key: a_request("x")[key] for key in ("accessKey", "secretKey")}


def _arguments(service: Service, folder: Path) -> list[str]:
    return [
        *("run", f"{service.url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-time", str(SECONDS), "--request-timeout", "30", "--seed", "1"),
        *("--report", "har", "--report-dir", str(folder / "har"), "--no-color"),
    ]


def _answers(folder: Path) -> list[str]:
    """Return what was answered, headers and bodies."""
    (report,) = folder.iterdir()
    entries = json.loads(report.read_text())["log"]["entries"]
    return [json.dumps(entry["response"]) for entry in entries]
