"""The Celery queue between the API and the workers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.parse import quote

from amqp.exceptions import AMQPError, ChannelError, MessageNacked
from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import KombuError
from redis.exceptions import RedisError, ResponseError

from shared.distance import NEAR, Distance
from shared.queue.queued_job import INTERACTIVE, QUEUES, RUN_JOB, QueuedJob
from shared.queue.redis_transport import use_for_redis
from shared.queue.taken_messages import TakenMessages, forget_taken, taken_in
from shared.store.gate import is_about_data
from shared.store.sentinel_url import SentinelUrl, is_sentinel_url
from shared.store.sentinels import options_of_sentinels

T = TypeVar("T")
CONNECT_S: Final = NEAR.answer_s
# for RabbitMQ's answer to a message; if it hangs, closing the connection takes twice as long again
CONFIRM_S: Final = 0.5

# Errors of kombu, its AMQP client, the sockets and, through its Redis transport, redis-py.
_BROKER_ERRORS = (KombuError, AMQPError, MessageNacked, OSError, RedisError)


class QueueUnreachableError(Exception):
    """Raised if the broker did not accept a message."""


class SpoiltQueueError(QueueUnreachableError):
    """Raised if the broker is well, and the queue is none: a site has made it something else."""


def broker_url(redis_url: str) -> str:
    """Return a redis-py URL in the form that kombu needs.

    Its form for Unix sockets is different, and it verifies certificates only if told to. Sentinels
    have a URL each.
    """
    if is_sentinel_url(redis_url):
        return _sentinels_of(SentinelUrl.of(redis_url))
    if redis_url.startswith("rediss://") and "ssl_cert_reqs=" not in redis_url:
        return redis_url + ("&" if "?" in redis_url else "?") + "ssl_cert_reqs=required"
    if not redis_url.startswith("unix://"):
        return redis_url
    return "redis+socket://" + redis_url.removeprefix("unix://").replace("?db=", "?virtual_host=")


def _sentinels_of(url: SentinelUrl) -> str:
    """Return the sentinels as kombu takes them; user, password and database are those of Redis."""
    user, password = (quote(url.options.get(key, ""), safe="") for key in ("username", "password"))
    signed_in = f"{user}:{password}@" if user or password else ""
    hosts = (
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in url.sentinels
    )
    return ";".join(f"sentinel://{signed_in}{host}/{url.db}" for host in hosts)


# kombu's documentation does not promise _ensure_connection: tested with 5.7, which pyproject.toml
# holds it to.
_PAUSES: Final = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


class _Connection(Connection):  # type: ignore[misc] # kombu ships no types
    """Reconnects within a second after the broker is back; kombu would wait up to 30 s."""

    def _ensure_connection(self, *args: object, **options: object) -> object:
        return super()._ensure_connection(*args, **{**_PAUSES, **options})


use_for_redis()


class _Amqp(AMQP):  # type: ignore[misc] # Celery ships no types
    Connection = _Connection


def _transport_options(url: str, distance: Distance) -> dict[str, object]:
    if url.startswith("amqp"):
        return {"confirm_publish": True}  # otherwise a lost message would look like a sent one
    return {
        "socket_connect_timeout": distance.answer_s,
        "socket_keepalive": True,
        # A firewall may drop a connection without notifying either end, and a worker on it would
        # take no more jobs. kombu closes a connection whose answer is late, when it looks: within
        # five seconds next to Redis.
        "socket_timeout": distance.poll_answer_s,
        "health_check_interval": distance.poll_answer_s,
        "most_messages": distance.most_messages,
        "retry_on_timeout": False,
    }


def _watched(url: str, distance: Distance) -> dict[str, object]:
    """Return Celery's settings for a Redis that sentinels watch."""
    named = SentinelUrl.of(url)
    options = {"master_name": named.service, "sentinel_kwargs": options_of_sentinels(named)}
    settings: dict[str, object] = {
        "broker_transport_options": {**_transport_options(url, distance), **options},
    }
    if named.uses_tls:
        of_tls = {key: value for key, value in named.options.items() if key.startswith("ssl_")}
        settings["broker_use_ssl"] = {"ssl_cert_reqs": "required", **of_tls}
    return settings


def _is_about_data(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, is about what a key of Redis holds."""
    while error and not (isinstance(error, ResponseError) and is_about_data(error)):
        error = error.__cause__ or error.__context__
    return error is not None


def _queue_of(name: str) -> Queue:
    """Return a queue as it is declared; that of another site has an exchange of its own.

    Whoever may send to RabbitMQ's default exchange may send to all queues.
    """
    return Queue(name) if name in QUEUES else Queue(name, Exchange(name), routing_key=name)


def celery_app(
    url: str,
    taken: TakenMessages | None = None,
    queues: Sequence[str] = QUEUES,
    distance: Distance = NEAR,
) -> Celery:
    """Return the Celery application that both sides use with the broker at `url`.

    A worker notes in `taken` what it has from a Redis.
    """
    app = Celery("conncheck", broker=broker_url(url), amqp=_Amqp, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,  # results are only in the job store
        task_serializer="json",
        accept_content=["json"],
        task_queues=[_queue_of(name) for name in queues],
        task_default_queue=INTERACTIVE,
        task_publish_retry=False,  # the API answers 503 instead of retrying for ever
        task_acks_late=True,  # a message takes a slot until its job is over
        worker_prefetch_multiplier=1,
        # After a cut connection Celery would fetch less, and more again only with each new job:
        # where another worker takes the redelivered ones, slots would stay empty for good.
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_timeout=distance.answer_s,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a worker would give up after two minutes
        # A Redis that refuses writes (READONLY, MISCONF, OOM) is one that is away: its errors are
        # those of a channel, and a worker would end with the first.
        broker_channel_error_retry=True,
        broker_heartbeat=4,  # seconds; RabbitMQ redelivers the messages of a silent worker
        broker_transport_options=_transport_options(url, distance),
    )
    if is_sentinel_url(url):
        app.conf.update(_watched(url, distance))
    if taken is not None and not url.startswith("amqp"):
        app.conf.broker_transport_options["taken"] = taken
    return app


class JobQueue:
    """The end of the queue at which jobs are put in."""

    def __init__(self, url: str, distance: Distance = NEAR) -> None:
        self._app = celery_app(url, distance=distance)
        self._is_amqp = url.startswith("amqp")
        options = self._app.conf.broker_transport_options
        # A broker that hangs counts as unreachable, and this side never waits for messages.
        if self._is_amqp:
            options["read_timeout"] = CONFIRM_S if distance == NEAR else distance.answer_s
        else:
            options["socket_timeout"] = distance.answer_s
        # kombu's pool creates connections of its own class, which would wait for two seconds. The
        # one retry is for a broker that has just come back.
        options.update(_PAUSES, max_retries=1)
        self._looking = Lock()
        self._connection: Any = None
        self._channel: Any = None

    def send(self, jobs: Sequence[QueuedJob]) -> None:
        """Put stored jobs into their queues in one batch.

        It blocks, so call it outside the event loop.

        Raises:
            QueueUnreachableError: the broker cannot be reached; any of the jobs may not have been
                queued.
        """
        try:
            with self._app.producer_or_acquire() as producer, producer.batch(len(jobs)):
                for job in jobs:
                    own = self._own_exchange_of(job)
                    self._app.send_task(
                        RUN_JOB,
                        job.message,
                        task_id=job.job_id,
                        queue=_queue_of(job.queue_name),
                        producer=producer,
                        **own,
                    )
        except _BROKER_ERRORS as error:
            is_spoilt = isinstance(error, ChannelError) or _is_about_data(error)
            raise (SpoiltQueueError if is_spoilt else QueueUnreachableError) from error

    def _own_exchange_of(self, job: QueuedJob) -> Mapping[str, str]:
        """Return how a message for another site goes through RabbitMQ."""
        name = job.queue_name
        has_own = self._is_amqp and name not in QUEUES
        return {"exchange": name, "routing_key": name} if has_own else {}

    def waiting(self, queue_name: str) -> int:
        """Return the number of messages in a queue that no worker has taken; blocks.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        return self._look(lambda: self._count(queue_name))

    def taken_in(self, key: str) -> Sequence[bytes]:
        """Return the messages in the list of a worker at a Redis; blocks.

        RabbitMQ itself gives those of a dead worker to another one.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        return self._ask_redis(lambda redis: taken_in(redis, key)) or ()

    def forget_taken(self, key: str, messages: Sequence[bytes]) -> None:
        """Remove `messages` from the list of a worker; blocks.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        self._ask_redis(lambda redis: forget_taken(redis, key, messages))

    def tidy(self, taken: TakenMessages) -> None:
        """Tell the broker which of the messages are over; blocks.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        self._ask_redis(taken.tidy)

    def give_back(self, taken: TakenMessages) -> None:
        """Put the messages that are not over back into their queue; blocks.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        self._ask_redis(taken.give_back_all)

    def _ask_redis(self, ask: Callable[[Any], T]) -> T | None:
        """Return what `ask` returns, None if the broker is RabbitMQ.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        if self._is_amqp:
            return None

        def with_client() -> T:
            with self._channel.conn_or_acquire() as redis:
                return ask(redis)

        return self._look(with_client)

    def _look(self, look: Callable[[], T]) -> T:
        """Return what `look` returns, over a connection that all looks share.

        Raises:
            QueueUnreachableError: the broker cannot be reached.
        """
        with self._looking:
            try:
                with suppress(*_BROKER_ERRORS):
                    # The connection of the last look, which may have died with the broker since.
                    if self._channel is not None:
                        return look()
                self._end_look()
                self._connection = self._app.connection_for_write()
                self._connection.ensure_connection(max_retries=0)
                self._channel = self._connection.channel()
                return look()
            except _BROKER_ERRORS as error:
                self._end_look()
                raise QueueUnreachableError from error

    def _count(self, queue_name: str) -> int:
        try:
            count: int = self._channel.queue_declare(queue_name, passive=True).message_count
        except ChannelError:  # on Redis a queue without messages does not exist
            if not getattr(self._channel, "is_open", True):
                self._end_look()  # RabbitMQ has closed the channel with it
            return 0
        return count

    def _end_look(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection:
            with suppress(*_BROKER_ERRORS):
                connection.close()

    def close(self) -> None:
        """Close the connections."""
        with self._looking:
            self._end_look()
        self._app.close()
