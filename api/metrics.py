"""Export the metrics of the queue and of the workers to Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from pydantic import SecretStr

from api.jobs.dependencies import JobsDep
from api.jobs.jobs import Jobs
from api.openapi import problems
from api.problems import ApiProblemError
from shared.queue import QueueUnreachableError
from shared.queued_job import QUEUES, QueueName
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.workload import Load

MOST_BYTES = 1_048_576  # of one worker's metrics
OF_WORKERS = "conncheck_"

metrics_api = APIRouter(tags=["Health"])


@metrics_api.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems(401)},
)
async def metrics(
    request: Request, jobs: JobsDep, authorization: Annotated[str, Header()] = ""
) -> Response:
    """Return metrics of the queue, the workers and the results of their tests.

    Metrics that can't be read at the moment are left out; conncheck_up shows which part is down.
    """
    _refuse_strangers(request.app.state.metrics_token, authorization)
    registry = CollectorRegistry()
    registry.register(await _seen(jobs))
    ProcessCollector(namespace="conncheck_api", registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _seen(jobs: Jobs) -> "Seen":
    load, waiting = None, None
    figures: Mapping[str, bytes] = {}
    with suppress(StoreUnreachableError):
        load, figures = await jobs.store.workload.load(), await jobs.store.workload.figures()
    with suppress(QueueUnreachableError):
        waiting = {queue: await jobs.enqueuer.waiting(queue) for queue in QUEUES}
    return Seen(load, waiting, figures)


def _refuse_strangers(token: SecretStr | None, authorization: str) -> None:
    if token is None:
        return
    wanted = f"Bearer {token.get_secret_value()}".encode()
    if not compare_digest(authorization.encode(), wanted):
        raise ApiProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Send the token of CONNCHECK_METRICS_TOKEN in the header Authorization: Bearer TOKEN.",
            kind="unauthorized",
            headers={"WWW-Authenticate": 'Bearer realm="conncheck metrics"'},
        )


@dataclass(eq=False, slots=True)
class Seen(Collector):
    """The state at a scrape; None where it could not be read."""

    load: Load | None
    waiting: Mapping[QueueName, int] | None
    figures: Mapping[str, bytes]

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; those of workers get the label `worker`."""
        up = GaugeMetricFamily("conncheck_up", "Whether a part answers.", labels=["part"])
        up.add_metric(["store"], self.load is not None)
        up.add_metric(["broker"], self.waiting is not None)
        yield up
        depth = GaugeMetricFamily(
            "conncheck_queue_depth", "Messages in the queue.", labels=["queue"]
        )
        for queue, count in (self.waiting or {}).items():
            depth.add_metric([queue], count)
        yield depth
        if self.load:
            yield from _gauges(self.load, len(self.figures))
        yield from _merged(self.figures)


def _gauges(load: Load, workers: int) -> Iterable[Metric]:
    for name, text, value in (
        ("jobs_waiting", "Jobs in the queue.", load.waiting),
        ("jobs_running", "Jobs that workers are running.", load.running),
        ("oldest_job_seconds", "How long the most urgent queued job has waited.", load.oldest_s),
        ("workers", "Workers that report metrics.", workers),
    ):
        yield GaugeMetricFamily(f"conncheck_{name}", text, value)


def _merged(figures: Mapping[str, bytes]) -> Iterable[Metric]:
    by_name: dict[str, Metric] = {}
    for worker, text in figures.items():
        for told in _told(text):
            metric = by_name.setdefault(told.name, Metric(told.name, told.documentation, told.type))
            for sample in told.samples:
                labels = {**sample.labels, "worker": worker}
                metric.add_sample(sample.name, labels, sample.value)
    return by_name.values()


def _told(text: bytes) -> Sequence[Metric]:
    """Return a worker's metrics; none if they are unreadable, so that the others' are shown."""
    if len(text) > MOST_BYTES:
        return ()
    try:
        found = list(text_string_to_metric_families(text.decode()))
    except (ValueError, LookupError):
        return ()
    return [metric for metric in found if metric.name.startswith(OF_WORKERS)]
