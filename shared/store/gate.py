"""Let the API's coroutines at Redis, few at a time."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import RedisError, ResponseError
from redis.asyncio import Redis

from shared.store.connection import MOST_AT_ONCE
from shared.store.errors import StoreUnreachableError

_log = logging.getLogger(__name__)

AWAY_S = 0.5  # for so long a store that did not answer is not asked again


class RedisGate:
    """The one way to Redis of a process's event loop; only subscriptions have their own.

    Whoever went around it could empty the pool of connections for all who use it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until_s = 0.0
        self._error: Exception | None = None
        self._refused: Counter[str] = Counter()

    @property
    def connections(self) -> Any:
        """The pool, for a library that brings its own client; use that within a turn only."""
        return self._redis.connection_pool

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Redis]:
        """Let few operations at a time through, so that a crowd is not mistaken for an outage.

        Once the store was found unreachable, all who wait are told so at once, not one by one.
        Who has a turn must not wait for another one.

        A key that holds something else than it should is no outage: the workers of a site can
        write what they like under their prefix, and the jobs of others go on.

        Raises:
            StoreUnreachableError: Redis is unreachable, or became so while the block ran; or what
                it has can't be read.
        """
        now_s = asyncio.get_running_loop().time
        async with self._turns:
            if now_s() < self._away_until_s:
                self._count_refused(self._error)
                raise StoreUnreachableError from self._error
            try:
                yield self._redis
            except (RedisError, OSError) as error:
                if not is_about_data(error):
                    self._away_until_s = now_s() + AWAY_S
                    self._error = error
                self._count_refused(error)
                raise StoreUnreachableError from error

    def _count_refused(self, error: Exception | None) -> None:
        """Count an operation that was refused; all of AWAY_S are logged together."""
        if not self._refused:
            asyncio.get_running_loop().call_later(AWAY_S, self._log_refused)
        self._refused[_reason(error)] += 1

    def _log_refused(self) -> None:
        for reason, count in self._refused.items():
            _log.warning('store=unreachable refused=%d reason="%s"', count, reason)
        self._refused.clear()


def is_about_data(error: Exception) -> bool:
    """Return whether Redis is well and refuses a command because of what a key holds."""
    if not isinstance(error, ResponseError):
        return False
    # For a command of a pipeline, redis-py has the command and a tuple's repr in the text.
    said = str(error).rpartition("caused error: ")[2].lstrip("('\"")
    # Redis' own state has codes of its own (MISCONF, BUSY, OOM ...).
    return error.status_code == "ERR" or said.startswith("WRONGTYPE ")


def is_unreadable(answer: Any) -> bool:
    """Return whether a pipeline's answer says that a key holds something else than it should.

    Raises:
        ResponseError: Redis refuses for another reason.
    """
    if not isinstance(answer, ResponseError):
        return False
    if not is_about_data(answer):
        raise answer
    return True


def _reason(error: Exception | None) -> str:
    """Return what went wrong, without what a command contained."""
    if isinstance(error, ResponseError):  # Redis may quote the command
        return " ".join([type(error).__name__, *str(error).split(maxsplit=1)[:1]])
    return f"{type(error).__name__}: {error}".strip(": ")
