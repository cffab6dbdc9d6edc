"""Measure the pipeline alone: the same tests in this process, with nobody to tell of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import cycle, islice
from time import perf_counter, process_time
from typing import cast

from bench.sample import TEST, Sample
from bench.service import Certificates
from shared.diagnosis.entries import ClosedStatus, Entry
from shared.request import JobRequest
from shared.store.jobs.run import Run
from worker.deadline import Deadline
from worker.pipeline import run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.site import Site
from worker.tcp.address_guard import AddressGuard
from worker.tls.trust import Trust

BUDGET_S = 30


class _Unread:
    """Stands where a job's stream is written, and writes nothing."""

    job_id = "bench"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def append(self, *entries: Entry) -> None:
        pass

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        pass


def site_of(certificates: Certificates) -> Site:
    """Return what tests may reach and trust here."""
    return Site(AddressGuard([ip_network("127.0.0.0/8")]), Trust(certificates.authority))


def in_process(site: Site, endpoints: Sequence[str], at_once: int, count: int) -> Sample:
    """Return the sample of `count` tests in `at_once` threads; a failing test raises Failed."""
    requests = [JobRequest.model_validate({**TEST, "endpoint": one}) for one in endpoints]
    began_s, began_cpu_s = perf_counter(), process_time()
    with ThreadPoolExecutor(at_once) as threads:
        took_ms = list(threads.map(lambda one: _took_ms(one, site), islice(cycle(requests), count)))
    wall_s, used_s = perf_counter() - began_s, process_time() - began_cpu_s
    return Sample(took_ms, wall_s, {"pipeline": used_s * 1000 / count})


def _took_ms(request: JobRequest, site: Site) -> float:
    began_s, deadline = perf_counter(), Deadline.after(BUDGET_S)
    step = Recorder(
        cast("Run", _Unread()), {}, Redactor(request.credentials), deadline, site.investigate
    )
    run_steps(request, site, lambda: None, step, deadline)
    step.finish()
    return (perf_counter() - began_s) * 1000
