"""Check Redis as a worker of a site sees it: what it may do, and what the API has published."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from shared.queue.queued_job import QUEUES, QueueName, queue_name
from shared.sites.published_site import PublishedSite
from shared.store.connection import connect
from shared.store.errors import named_if_unreachable
from shared.store.scripts import MOST_KEYS
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import SiteKeys

Command = tuple[str, ...]

_OF_OTHERS: Final = (
    ("GET", "{other}"),
    ("SET", "{other}", "1"),
    ("DEL", "{other}"),
    ("LPUSH", "{other}", "1"),
    ("PUBLISH", "{other}", "1"),
)
_OF_ADMINISTRATORS: Final = (
    ("EVAL", "return 1", "0"),
    ("SCRIPT", "LOAD", "return 1"),
    ("FUNCTION", "LOAD", "#!lua"),
    ("FUNCTION", "FLUSH"),
    ("KEYS", "{other}"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("CONFIG", "GET", "maxmemory"),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("FLUSHALL",),
    ("SWAPDB", "0", "1"),
    ("REPLICAOF", "NO", "ONE"),
    ("BGREWRITEAOF",),
)
_OWN: Final = (
    ("GET", "{own}"),
    ("SET", "{own}", "1", "PX", "1"),
    ("XADD", "{own}", "*", "a", "b"),
    ("SADD", "{own}", "1"),
    ("ZADD", "{own}", "1", "1"),
    ("HSET", "{own}", "a", "b"),
    ("BLMOVE", "{queue}", "{own}", "RIGHT", "LEFT", "1"),
    ("LPUSH", "{queue}", "1"),
    ("PUBLISH", "{own}", "1"),
    ("FCALL", "{own}", "1", "{own}"),
    ("WAIT", "0", "1"),
)


@dataclass(frozen=True, slots=True)
class SiteProbe:
    """What Redis answers a worker of a site."""

    took_ms: float
    clock_ahead_s: float
    """How far the clock of Redis is ahead of ours."""
    denied: tuple[str, ...]
    """Commands that a worker needs, and that it may not send."""
    allowed: tuple[str, ...]
    """Commands that nobody at the site should send, and that Redis would take."""
    functions_missing: int
    """How many of the functions that workers of this version call Redis does not have."""
    is_published: bool
    """Whether the API has published anything of the site lately."""
    published: PublishedSite | None
    """What it has published; None if it can't be read."""
    served: tuple[QueueName, ...]
    """The queues that a worker of the site is alive for."""


def probe_site(url: str, site: str) -> SiteProbe:
    """Return what Redis answers a worker of `site`; nothing is written, and nothing forbidden run.

    Raises:
        StoreUnreachableError: it can't be reached, or it refuses the user.
    """
    keys = SiteKeys.of(site)
    redis: Any = connect(url)
    with named_if_unreachable():
        try:
            redis.ping()  # the first command also connects
            began_s, now_s = time.perf_counter(), time.time()
            seconds, micros = redis.time()
            took_s = time.perf_counter() - began_s
            found = _or_denied(redis.get, keys.entry)
            alive = [_or_denied(redis.exists, keys.sign_of_queue(queue)) for queue in QUEUES]
            answers = _answers(redis, keys)
            missing = sum(not _is_loaded(redis, script.name, keys) for script in SCRIPTS_OF_WORKERS)
        finally:
            redis.close()
    return SiteProbe(
        took_ms=took_s * 1000,
        # Redis read its clock half a round trip after we read ours.
        clock_ahead_s=seconds + micros / 1e6 - (now_s + took_s / 2),
        denied=tuple(_shown(one) for one in _OWN if answers[one] is NoPermissionError),
        allowed=tuple(
            _shown(one) for one in (*_OF_OTHERS, *_OF_ADMINISTRATORS) if answers[one] is None
        ),
        functions_missing=missing,
        is_published=bool(found),
        published=PublishedSite.read(found or b""),
        served=tuple(queue for queue, lives in zip(QUEUES, alive, strict=True) if lives),
    )


def _answers(redis: Any, keys: SiteKeys) -> dict[Command, type[ResponseError] | None]:
    """Return with which error Redis refuses this user each command; None if it would run it.

    They are queued in a transaction, for which Redis checks the user's rights, and the connection
    is closed before its end: none of them is run (redis.io, "Transactions").
    """
    invented = secrets.token_hex(8)
    names = {
        "own": f"{keys.prefix}check:{invented}",
        "queue": queue_name(QUEUES[0], keys.site),
        "other": f"conncheck-check:{invented}",
    }
    with _transaction(redis) as ask:
        return {
            command: ask([part.format(**names) for part in command])
            for command in (*_OWN, *_OF_OTHERS, *_OF_ADMINISTRATORS)
        }


@contextmanager
def _transaction(redis: Any) -> Iterator[Any]:
    """Give a function that queues a command, and returns the type of the error or None."""
    connection = redis.connection_pool.get_connection()

    def ask(command: Sequence[str]) -> type[ResponseError] | None:
        connection.send_command(*command)
        try:
            connection.read_response()
        except ResponseError as error:
            return type(error)
        return None

    try:
        if ask(["MULTI"]):
            raise ResponseError("MULTI is refused")
        yield ask
    finally:
        connection.disconnect()  # a worker may not send DISCARD; what was queued is gone
        redis.connection_pool.release(connection)


def _is_loaded(redis: Any, function: str, keys: SiteKeys) -> bool:
    """Return whether Redis has a function, which refuses so many keys before it does anything."""
    names = [f"{keys.prefix}check:{number}" for number in range(MOST_KEYS + 1)]
    try:
        redis.fcall(function, len(names), *names)
    except ResponseError as error:
        return "too many arguments" in str(error)
    return False


def _or_denied(call: Any, *arguments: Any) -> Any:
    """Return what a command answers; None if this user may not send it."""
    try:
        return call(*arguments)
    except NoPermissionError:
        return None


def _shown(command: Command) -> str:
    """Return a command as people name it, with the keys that it would touch."""
    names = {"own": "a key of the site", "queue": "its queue", "other": "a key of others"}
    parts = [part.format(**names) for part in command if part.startswith("{")]
    words = command[:2] if command[0] in ("SCRIPT", "FUNCTION", "CONFIG", "ACL", "CLIENT") else ()
    return " ".join([*(words or command[:1]), *(f"({part})" for part in parts[:1])])
