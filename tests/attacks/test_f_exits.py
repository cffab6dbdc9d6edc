"""F16: what a platform or a caller sends is harmless wherever it leaves the service."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.text import is_hidden
from tests.attacks.traps.hostile import PAYLOAD, always, at_the_sign_in, ready, version
from tests.network.servers import Script, reply, serving
from tests.running.batches import finished, submitted
from tests.running.service import CALL, Service, a_request

FORMULAS = ("=", "+", "-", "@")
HOSTILE = [
    always(ready(), version(PAYLOAD)),
    always(reply(PAYLOAD.encode(), "Server: \x1b[2J=1+1<script>", "Content-Type: text/html")),
    at_the_sign_in(reply(PAYLOAD.encode(), status="403 \x1b[2J=no")),
    at_the_sign_in(
        reply(b'{"error":{"code":"\\u001b[2J","details":"=cmd|\\r\\nx"}}', status="503 x")
    ),
]


def harmful(text: str) -> list[str]:
    """Return the characters that a terminal or a reader of lines would obey."""
    return [character for character in text if is_hidden(character) and character not in "\r\n"]


@contextmanager
def hostile_platforms() -> Iterator[list[str]]:
    """Give the endpoints of them all."""
    with _serving(HOSTILE) as endpoints:
        yield endpoints


@contextmanager
def _serving(scripts: list[Script]) -> Iterator[list[str]]:
    if not scripts:
        yield []
        return
    with serving(scripts[0]) as server, _serving(scripts[1:]) as others:
        yield [f"http://127.0.0.1:{server.port}", *others]


def test_f16_no_answer_holds_what_a_terminal_obeys(service: Service) -> None:
    """The documented answer, the job and its stream of events."""
    with hostile_platforms() as endpoints, service.client() as client:
        for endpoint in endpoints:
            documented = service.test(endpoint)
            job = service.submit(endpoint, options={"force": True})
            service.closed(job)
            shown = [documented, client.get(job), client.get(f"{job}/events")]

            assert [harmful(answer.text) for answer in shown] == [[], [], []]
            assert documented.json()["success"] is False
            # JSON may escape it; whoever reads the JSON must not find it either.
            assert not any(harmful(item["errorMsg"]) for item in documented.json()["items"])
            events = [line for line in shown[2].text.splitlines() if line]
            assert all(line.startswith(("id: ", "event: ", "data: ", ": ")) for line in events)


@pytest.mark.parametrize("accept", ["text/csv", "application/x-ndjson", "application/json"])
def test_f16_no_table_of_results_holds_a_formula(service: Service, accept: str) -> None:
    """Spreadsheets run what begins with =, whoever wrote it: platform or caller."""
    with hostile_platforms() as endpoints, service.client() as client:
        names = ["=HYPERLINK(0)", "+1", "-1", "@SUM(1)"]
        rows = [
            {**a_request(endpoint), "name": name}
            for endpoint, name in zip(endpoints, names, strict=True)
        ]
        batch = submitted(client, rows)
        finished(client, batch)
        shown = client.get(f"{batch}/results", headers={"Accept": accept})

    assert shown.status_code == 200
    assert harmful(shown.text) == []
    if accept == "text/csv":
        assert "HYPERLINK" in shown.text
        cells = [cell.strip('"') for line in shown.text.splitlines() for cell in line.split(",")]
        assert not any(cell.startswith(FORMULAS) for cell in cells)


def test_f16_no_log_line_is_forged(service: Service) -> None:
    """Each line of the log, the audit's among them, is one JSON object of ours."""
    with hostile_platforms() as endpoints:
        for endpoint in endpoints:
            service.test(endpoint, options={"force": True})
    with service.client() as client:
        client.get(f"{CALL}/jobs/%0aforged%1b[2J", headers={"User-Agent": PAYLOAD[:4].strip()})

    log = service.log_text()

    assert "forged=1" not in log
    assert harmful(log) == []
    ours = [line for line in log.splitlines() if not line.startswith("conncheck")]
    assert all(line.startswith('{"') for line in ours if "audit" in line)


def test_f16_the_command_line_prints_no_escapes() -> None:
    """What is wrong with an argument is said without obeying it."""
    said = subprocess.run(
        [sys.executable, "-m", "cli", "token", "new", "\x1b[2Jname", "--file", "/nowhere/file"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode != 0
    assert harmful(said.stdout + said.stderr) == []
