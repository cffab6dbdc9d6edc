from collections.abc import Iterator

import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection, Exchange, Queue

from shared.queue.job_queue import JobQueue, QueueUnreachableError, celery_app
from shared.queue.queued_job import INTERACTIVE, QueuedJob, queue_name
from shared.queue.site_permissions import USER, rabbitmq_permissions
from tests.running.rabbitmq import add_user

FRA1, SIN1, DEFAULT = (queue_name(INTERACTIVE, site) for site in ("fra1", "sin1", "default"))


@pytest.fixture(scope="module")
def of_fra1(rabbitmq: str) -> str:
    """Give the URL with which the workers of fra1 sign in at RabbitMQ."""
    api = JobQueue(rabbitmq)
    api.send([QueuedJob("a", ""), QueuedJob("b", "", site="sin1")])
    api.close()
    return add_user(rabbitmq, USER.format(site="fra1"), "secret", *rabbitmq_permissions("fra1"))


@pytest.fixture
def worker(of_fra1: str) -> Iterator[JobQueue]:
    """Give the end of the queue at which a worker of fra1 puts jobs in again."""
    queue = JobQueue(of_fra1)
    yield queue
    queue.close()


@pytest.fixture
def connection(of_fra1: str) -> Iterator[Connection]:
    """Give a connection of the user of fra1."""
    with Connection(of_fra1) as connected:
        yield connected


def taken(url: str, name: str) -> str:
    """Return the id of the job of a message that a worker takes from a queue."""
    app = celery_app(url, queues=[name])
    with app.connection_for_read() as reading:
        queue = app.amqp.queues[name].bind(reading.channel())
        queue.declare()
        message = queue.get(no_ack=True)
    assert message
    return str(message.headers["id"])


def test_a_site_takes_what_the_api_sends_it(rabbitmq: str, of_fra1: str) -> None:
    """Whoever declares the queue first, both mean the same."""
    api = JobQueue(rabbitmq)
    api.send([QueuedJob("for fra1", "", site="fra1")])
    api.close()

    assert taken(of_fra1, FRA1) == "for fra1"


def test_a_site_calls_its_own_jobs(worker: JobQueue, of_fra1: str) -> None:
    """Whoever ends a turn queues the next job again."""
    worker.send([QueuedJob("called", "", site="fra1")])

    assert worker.waiting(FRA1) == 1
    assert taken(of_fra1, FRA1) == "called"


@pytest.mark.parametrize("site", ["default", "sin1"])
def test_a_site_sends_nothing_to_another(worker: JobQueue, site: str) -> None:
    """A stolen password of one site is not one of all."""
    with pytest.raises(QueueUnreachableError):
        worker.send([QueuedJob("forged", "", site=site)])


@pytest.mark.parametrize("name", [DEFAULT, SIN1])
def test_a_site_reads_and_ends_nothing_of_another(connection: Connection, name: str) -> None:
    """The ids of jobs are not for it either."""
    with pytest.raises(AccessRefused):
        Queue(name).bind(connection.channel()).get(no_ack=True)
    with pytest.raises(AccessRefused):
        Queue(name).bind(connection.channel()).purge()
    with pytest.raises(AccessRefused):
        Queue(name).bind(connection.channel()).delete()


def test_a_site_reaches_no_queue_of_another_by_way_of_its_own(connection: Connection) -> None:
    """RabbitMQ would pass on for it what it may not send."""
    passes_on = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEFAULT}
    leads_on = {"alternate-exchange": "amq.direct"}
    with pytest.raises(AccessRefused):
        Queue(f"{FRA1}2", queue_arguments=passes_on).bind(connection.channel()).queue_declare()
    with pytest.raises(AccessRefused):
        Exchange(f"{FRA1}2", arguments=leads_on).bind(connection.channel()).declare()
    with pytest.raises(AccessRefused):
        Queue(DEFAULT).bind(connection.channel()).bind_to(FRA1, routing_key="x")
