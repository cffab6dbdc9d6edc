"""kombu's transport for a broker on Redis: what a worker takes is kept in memory and in one list.

The classes override methods of kombu that its documentation does not promise (_create_client,
_queue_bind, _has_queue, _size, _brpop_start, _brpop_read): tested with 5.7, which pyproject.toml
holds it to.
"""

import json
import logging
from contextlib import suppress
from queue import Empty
from time import monotonic

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.sentinel import MasterNotFoundError

from shared.queue.taken_messages import TakenMessages
from shared.store.sentinels import FOLLOW_S, AllSentinels

_log = logging.getLogger(__name__)


class _InMemory(virtual.QoS):  # type: ignore[misc] # kombu ships no types
    """Counts the messages that are not over; kombu's would write each twice to Redis.

    A connection that is lost gives nothing back: its jobs go on.
    """

    restore_at_shutdown = False

    def can_consume(self) -> bool:
        """Return whether the worker has a free slot."""
        taken = self.channel.taken
        return not self.prefetch_count or taken is None or len(taken) < self.prefetch_count

    def append(self, message: object, delivery_tag: str) -> None:
        """Do nothing: the channel has noted it."""

    def ack(self, delivery_tag: str) -> None:
        """Note that the message is over."""
        self.channel.taken.end(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 -- kombu's
        """Note that the message is over, or is for another worker."""
        (self.channel.taken.leave if requeue else self.channel.taken.end)(delivery_tag)

    def restore_visible(self, *_: object, **__: object) -> None:
        """Do nothing: the API knows by the worker's list what to send again."""


class _Channel(redis.Channel):  # type: ignore[misc] # kombu ships no types
    """A channel with one client: kombu would create two per message, a tenth of a test's cost.

    A client has no state; its connections come from a pool.
    """

    QoS = _InMemory
    taken: TakenMessages | None = None
    """What the worker of this channel has; None where messages are only sent."""
    most_messages = 1
    """How many messages are taken with one question, which may have far to go."""
    from_transport_options = (*redis.Channel.from_transport_options, "taken", "most_messages")

    def _create_client(self, asynchronous: bool = False) -> object:  # noqa: FBT001, FBT002 -- kombu's
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._shared_of is not self.pool:
            self._shared_of, self._shared = self.pool, super()._create_client()
        return self._shared

    def _queue_bind(self, *_: object) -> None:
        """Do nothing: a message is sent to a queue by its name.

        kombu keeps what is bound to an exchange under keys of its own, the same for all sites.
        """

    def _has_queue(self, queue: str, **_: object) -> bool:
        """Return whether there are messages in a queue, all of which have the same priority.

        kombu would ask for each in a transaction. A site's user may begin none: Redis runs the
        whole of it before anything else, however long it is.
        """
        return self._size(queue) > 0

    def _size(self, queue: str) -> int:
        """Return the number of messages in a queue; see above."""
        with self.conn_or_acquire() as redis:
            return int(redis.llen(queue))

    def _brpop_start(self, timeout: int | None = None) -> None:
        """Wait for the next message, for a second at a time, and take those behind it."""
        if self.taken is None or not self.active_queues:
            return
        self._asked = self._has_room_for(self._next)
        move = (self.taken.queue, self.taken.key, "RIGHT", "LEFT")
        first = ("BLMOVE", *move, timeout or self.brpop_timeout)
        self._in_poll = connection = self.client.connection
        self._brpop_sent_at = monotonic()
        connection.send_packed_command(
            connection.pack_commands([first, *[("LMOVE", *move)] * (self._asked - 1)])
        )

    def _has_room_for(self, count: int) -> int:
        """Return how many messages to ask for, up to `count`: as many as there are free slots."""
        free: int = self.qos.prefetch_count - len(self.taken or ())
        return max(1, min(count, free))

    def _brpop_read(self, **options: object) -> bool:
        """Read the answers, and hand the messages to the consumer.

        Twice as many are asked for next time, as long as so many are there.

        Raises:
            Empty: there was none.
        """
        if (taken := self.taken) is None:
            raise Empty
        found: list[bytes] = []
        try:
            self._read(found, **options)
        finally:
            self._in_poll = None
            for message in found:
                self._hand_over(message, taken)
        is_full = len(found) == self._asked
        self._next = min(self.most_messages, 2 * self._asked) if is_full else 1
        if not found:
            raise Empty
        return True

    def _read(self, found: list[bytes], **options: object) -> None:
        """Add the messages that the answers contain to `found`, as far as they can be read."""
        connection = self.client.connection
        left = self._asked
        try:
            while left:
                left -= 1
                message = self.client.parse_response(connection, "BLMOVE", **options)
                found += [message] if message is not None else []
        except self.connection_errors:
            left = 1
            raise
        finally:
            if left:  # an answer would be taken for that to another question
                connection.disconnect()

    def _hand_over(self, message: bytes, taken: TakenMessages) -> None:
        try:
            content = json.loads(message)
            tag = content["properties"]["delivery_tag"]
        except (ValueError, LookupError, TypeError):
            _log.warning("queue=%s message=unreadable", taken.queue)
            taken.drop(message)
            return
        taken.add(tag, message)
        self.connection._deliver(content, taken.queue)  # noqa: SLF001 -- as kombu's channel does

    _asked = 1
    _next = 1
    _shared_of: object = None
    _shared: object = None


class _RedisTransport(redis.Transport):  # type: ignore[misc] # kombu ships no types
    Channel = _Channel


class _SentinelChannel(_Channel, redis.SentinelChannel):  # type: ignore[misc] # kombu ships no types
    """A channel to whoever is the primary: a former one may go on serving for ten seconds."""

    from_transport_options = (
        *redis.SentinelChannel.from_transport_options,
        *("taken", "most_messages"),
    )

    def _get_pool(self, asynchronous: bool = False) -> object:  # noqa: FBT001, FBT002 -- kombu's
        pool = super()._get_pool(asynchronous)
        # kombu's own would believe the first that answers.
        pool.sentinel_manager = pool.proxy.sentinel_manager = AllSentinels.of(pool.sentinel_manager)
        return pool

    def _create_client(self, asynchronous: bool = False) -> object:  # noqa: FBT001, FBT002 -- kombu's
        if not asynchronous and monotonic() - self._asked_at_s >= FOLLOW_S:
            self._asked_at_s = monotonic()
            with suppress(RedisError):  # no sentinel answers: it is whoever it was
                self.pool.get_master_address()  # which ends the connections to a former one
        return super()._create_client(asynchronous)

    def _brpop_start(self, timeout: int | None = None) -> None:
        """Wait for the next message, for a second at a time."""
        connection = self.client.connection
        with suppress(MasterNotFoundError):
            if self.async_pool.get_master_address() != (connection.host, connection.port):
                connection.disconnect()
                raise RedisConnectionError("the primary has changed")
        super()._brpop_start(timeout)

    _asked_at_s = -FOLLOW_S


class _SentinelTransport(redis.SentinelTransport):  # type: ignore[misc] # kombu ships no types
    Channel = _SentinelChannel


def use_for_redis() -> None:
    """Let kombu take these classes; by name, since its pool creates connections of its own."""
    TRANSPORT_ALIASES.update(
        redis=f"{__name__}:{_RedisTransport.__name__}",
        rediss=f"{__name__}:{_RedisTransport.__name__}",
        sentinel=f"{__name__}:{_SentinelTransport.__name__}",
    )
