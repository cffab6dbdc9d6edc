"""Submit a batch to a running service as a caller would, and wait for it."""

import csv
import http.client
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from bench.sample import TEST
from bench.service import Service

BATCHES = "/api/v1/platforms/test-connection/batches"
POLL_S = 1.0  # what Retry-After asks for
ANSWER_S = 120


class BatchError(Exception):
    """Raised where the service answers otherwise than it has to."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A batch that has run."""

    url: str
    total: int
    accepted_after_s: float
    """From the first byte of the upload to the 202."""
    wall_s: float
    """From the first byte of the upload to the end of the last test."""

    @property
    def a_second(self) -> float:
        """Tests a second."""
        return self.total / self.wall_s


def ndjson(endpoints: Iterable[str], **options: float) -> bytes:
    """Return an upload with an item for each endpoint, no two of them equal."""
    rows = (
        {**TEST, "endpoint": one, "accessKey": f"AKID{n:010}", "name": f"n{n}", "options": options}
        for n, one in enumerate(endpoints)
    )
    return "\n".join(map(json.dumps, rows)).encode()


def run_batch(
    service: Service, upload: bytes, while_it_runs: Callable[[], object] = lambda: None
) -> Finished:
    """Submit a batch and return when it is finished; look at it, and at `while_it_runs`, often."""
    began_at, began_s = time.time(), time.perf_counter()
    accepted = _answer(service, "POST", BATCHES, upload)
    accepted_after_s = time.perf_counter() - began_s
    if accepted["rejected"]:
        raise BatchError(f"{accepted['rejected']} items were rejected")
    url = cast("str", accepted["statusUrl"])
    while (view := _answer(service, "GET", url))["status"] != "finished":
        while_it_runs()
        time.sleep(POLL_S)
    while_it_runs()
    ended_at = datetime.fromisoformat(view["finishedAt"]).timestamp()
    return Finished(url, view["total"], accepted_after_s, ended_at - began_at)


def verdicts(service: Service, batch: Finished) -> Sequence[Mapping[str, str]]:
    """Return the rows of the batch's results, in the order of its items."""
    text = _fetch(service, "GET", f"{batch.url}/results?format=csv").decode("utf-8-sig")
    return [*csv.DictReader(io.StringIO(text))]


def require_passed(service: Service, batch: Finished) -> None:
    """Make sure that every item passed: a fast failure would be no measurement.

    Raises:
        BatchError: one did not.
    """
    for row in verdicts(service, batch):
        if row["outcome"] != "passed":
            raise BatchError(f"{row['endpoint']}: {row['status']} {row['cause']}")


def _answer(service: Service, method: str, path: str, upload: bytes | None = None) -> Any:
    return json.loads(_fetch(service, method, path, upload))


def _fetch(service: Service, method: str, path: str, upload: bytes | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {service.token}"}
    if upload is not None:
        headers["Content-Type"] = "application/x-ndjson"
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=ANSWER_S)
    try:
        connection.request(method, path, upload, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise BatchError(f"{method} {path}: {answer.status} {content[:500]!r}")
    return content
