"""Tell whether any worker is alive that serves a queue."""

import logging
from threading import Event

from redis import Redis
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)
BEAT_S = 1.0
GONE_AFTER_S = 4


def sign_of_life(queue: str) -> str:
    """Return the key that exists while a worker of `queue` is alive."""
    return f"conncheck:alive:{queue}"


def beat(redis: Redis, queues: tuple[str, ...], stop: Event) -> None:
    """Give a sign of life for `queues` every BEAT_S seconds until `stop` is set."""
    while True:
        try:
            with redis.pipeline(transaction=False) as pipe:
                for queue in queues:
                    pipe.set(sign_of_life(queue), 1, ex=GONE_AFTER_S)
                pipe.execute()
        except RedisError as error:
            _log.warning("heartbeat connection=lost error=%s", type(error).__name__)
        if stop.wait(BEAT_S):
            return
