"""The Celery queue between the API and the workers."""

from collections.abc import Sequence
from typing import Final

from amqp.exceptions import AMQPError, ChannelError, MessageNacked
from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.entity import Queue
from kombu.exceptions import KombuError
from kombu.transport import redis
from redis.exceptions import RedisError

from shared.queued_job import INTERACTIVE, QUEUES, QueuedJob, QueueName

RUN_JOB: Final = "conncheck.run_job"
CONNECT_S: Final = 0.9
# RabbitMQ's answer to a message; where it hangs, to close the connection takes two more of these.
CONFIRM_S: Final = 0.5
WORKER_ANSWER_S: Final = 2.0  # workers ask for messages, and are answered after a second

# kombu's own, its AMQP client's, the sockets', and, through its Redis transport, redis-py's.
_BROKER_ERRORS = (KombuError, AMQPError, MessageNacked, OSError, RedisError)


class QueueUnreachableError(Exception):
    """Raised when the broker did not take a message."""


def broker_url(redis_url: str) -> str:
    """Return kombu's spelling of a redis-py URL.

    It has another one for Unix sockets, and would not check a certificate unless told to.
    """
    if redis_url.startswith("rediss://") and "ssl_cert_reqs=" not in redis_url:
        return redis_url + ("&" if "?" in redis_url else "?") + "ssl_cert_reqs=required"
    if not redis_url.startswith("unix://"):
        return redis_url
    return "redis+socket://" + redis_url.removeprefix("unix://").replace("?db=", "?virtual_host=")


_PAUSES: Final = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


class _Connection(Connection):  # type: ignore[misc] # kombu ships no types
    """A connection that is back within a second of the broker; kombu would pause up to 30 s."""

    def _ensure_connection(self, *args: object, **options: object) -> object:
        return super()._ensure_connection(*args, **{**_PAUSES, **options})

    def get_transport_cls(self) -> type:
        found: type = super().get_transport_cls()
        return _RedisTransport if found is redis.Transport else found


class _Channel(redis.Channel):  # type: ignore[misc] # kombu ships no types
    """A channel with one client: kombu would make two for each message, a tenth of a test's cost.

    A client has no state of its own, its connections come out of a pool.
    """

    def _create_client(self, asynchronous: bool = False) -> object:  # noqa: FBT001, FBT002 -- kombu's
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._shared_of is not self.pool:
            self._shared_of, self._shared = self.pool, super()._create_client()
        return self._shared

    _shared_of: object = None
    _shared: object = None


class _RedisTransport(redis.Transport):  # type: ignore[misc] # kombu ships no types
    Channel = _Channel


class _Amqp(AMQP):  # type: ignore[misc] # Celery ships no types
    Connection = _Connection


def _transport_options(url: str) -> dict[str, object]:
    if url.startswith("amqp"):
        return {"confirm_publish": True}  # else a lost message would look like a sent one
    return {
        "socket_connect_timeout": CONNECT_S,
        "socket_keepalive": True,
        # A firewall may forget a connection and tell neither end: a worker on one would take no
        # more jobs. kombu drops one whose answer is late, within five seconds.
        "socket_timeout": WORKER_ANSWER_S,
        "health_check_interval": 2,
        "retry_on_timeout": False,
        # A message that a worker took to its grave comes back after ten seconds. A second
        # delivery of a job that a worker is at does no harm: it begins no run.
        "visibility_timeout": 10,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    }


def celery_app(url: str) -> Celery:
    """Return the Celery application that both sides use with the broker at `url`."""
    app = Celery("conncheck", broker=broker_url(url), amqp=_Amqp, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,  # results live in the job store, once
        task_serializer="json",
        accept_content=["json"],
        task_queues=[Queue(name) for name in QUEUES],
        task_default_queue=INTERACTIVE,
        task_publish_retry=False,  # the API says 503 instead of trying for ever
        task_acks_late=True,  # a message outlives the worker that was at it
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_timeout=CONNECT_S,
        broker_connection_retry_on_startup=True,
        broker_heartbeat=4,  # seconds; RabbitMQ gives what a silent worker has to another one
        broker_transport_options=_transport_options(url),
    )
    return app


class JobQueue:
    """The API's end of the queue."""

    def __init__(self, url: str) -> None:
        self._app = celery_app(url)
        options = self._app.conf.broker_transport_options
        # A broker that hangs is as good as away, and nobody waits for messages here.
        if url.startswith("amqp"):
            options["read_timeout"] = CONFIRM_S
        else:
            options["socket_timeout"] = CONNECT_S
        # kombu's pool makes connections of its own class, which would pause for two seconds. The
        # one retry is for a broker that has just come back.
        options.update(_PAUSES, max_retries=1)

    def send(self, jobs: Sequence[QueuedJob]) -> None:
        """Put jobs that are in the store into their queues in one go.

        It blocks, so call it off the event loop.

        Raises:
            QueueUnreachableError: the broker can't be reached; none of the jobs may count on it.
        """
        try:
            with self._app.producer_or_acquire() as producer, producer.batch(len(jobs)):
                for job in jobs:
                    self._app.send_task(
                        RUN_JOB,
                        tuple(job),
                        task_id=job.job_id,
                        queue=job.queue,
                        producer=producer,
                    )
        except _BROKER_ERRORS as error:
            raise QueueUnreachableError from error

    def waiting(self, queue: QueueName) -> int:
        """Return how many messages of `queue` no worker has taken; blocks.

        Raises:
            QueueUnreachableError: the broker can't be reached.
        """
        try:
            # A connection of its own: one out of the pool may have died with the broker.
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=0)
                count: int = connection.channel().queue_declare(queue, passive=True).message_count
                return count
        except ChannelError:
            return 0  # on Redis a queue without messages does not exist
        except _BROKER_ERRORS as error:
            raise QueueUnreachableError from error

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
