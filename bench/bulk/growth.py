"""Measure how cost grows with the number of processes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bulk.rate import Load
from bench.bulk.targets import Platforms
from bench.load import Calls
from bench.more_processes import more_apis, more_workers
from bench.process import cpu_s
from bench.sample import Sample
from bench.service import Certificates, Service, service
from shared.queue.queued_job import INTERACTIVE

SLOTS = 16  # of each worker process
BATCHES = (
    *(Load(SLOTS, 2000, workers) for workers in (1, 2, 4)),
    *(Load(SLOTS, 2000, workers, apis=2) for workers in (2, 4)),
)
CALLERS, COUNT = 50, 1000


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes answer single tests."""

    apis: int
    workers: int


CALLED = (Processes(1, 1), Processes(1, 2), Processes(2, 1), Processes(2, 2))


def called(processes: Processes, platforms: Platforms, certificates: Certificates) -> Sample:
    """Return the sample of COUNT documented calls by CALLERS, an equal part through each API."""
    with (
        TemporaryDirectory(prefix="conncheck-bulk-") as name,
        service(certificates, Path(name)) as up,
        more_workers(up, processes.workers - 1, Path(name) / "workers-log", INTERACTIVE) as pids,
        more_apis(up, processes.apis - 1, Path(name) / "apis-log") as seen,
    ):
        faces = [up, *seen]
        _call(faces, platforms, 4 * CALLERS)  # what is made once is no test's cost
        parts = {
            "api": [one.pids["api"] for one in faces],
            "worker": [up.pids["worker"], *pids],
            "redis": [up.pids["redis"]],
        }
        before = {part: sum(map(cpu_s, of_part)) for part, of_part in parts.items()}
        calls = _call(faces, platforms, COUNT)
        after = {part: sum(map(cpu_s, of_part)) for part, of_part in parts.items()}
    cpu_ms = {part: (after[part] - before[part]) * 1000 / COUNT for part in parts}
    took_ms = [ms for one in calls for ms in one.took_ms]
    failed = COUNT - sum(one.answers["200 success"] for one in calls)
    return Sample(took_ms, max(one.wall_s for one in calls), cpu_ms, failed)


def _call(faces: Sequence[Service], platforms: Platforms, count: int) -> Sequence[Calls]:
    """Call through each API at once, each time platforms of their own."""
    share = len(platforms.endpoints) // len(faces)
    parts = [platforms.endpoints[n * share : (n + 1) * share] for n in range(len(faces))]
    with ThreadPoolExecutor(len(faces)) as callers:
        return list(
            callers.map(
                lambda face, part: face.call(part, CALLERS // len(faces), count // len(faces)),
                faces,
                parts,
            )
        )
