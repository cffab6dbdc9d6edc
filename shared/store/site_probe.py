"""Check Redis as a worker of a site sees it: what it may do, and what the API has published."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from shared.queue.queued_job import QUEUES, QueueName
from shared.sites.published_site import PublishedSite
from shared.store.connection import connect
from shared.store.errors import named_if_unreachable
from shared.store.scripts import MOST_KEYS
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import SiteKeys

Command = tuple[str, ...]

# Each is one that changes nothing on keys that do not exist, or whose arguments Redis refuses; it
# looks at the rights of the user before those (redis.io, "ACL"). {own} and {other} are invented.
_OF_OTHERS: Final = (
    ("GET", "{other}"),
    ("SET", "{other}", "1", "XX"),
    ("DEL", "{other}"),
    ("LPUSHX", "{other}", "1"),
    ("XRANGE", "{other}", "-", "+"),
    ("PUBLISH", "{other}", "1"),
)
_OF_ADMINISTRATORS: Final = (
    ("EVAL", "return 1", "0"),
    ("SCRIPT", "EXISTS", "0"),
    ("FUNCTION", "LOAD", "#!lua"),
    ("FUNCTION", "FLUSH", "NEITHER"),
    ("SCAN", "0", "COUNT", "1"),
    ("KEYS", "{other}"),
    ("RANDOMKEY",),
    ("DBSIZE",),
    ("CONFIG", "GET", "maxmemory"),
    ("ACL", "GETUSER", "{other}"),
    ("CLIENT", "LIST", "ID", "1"),
    ("CLIENT", "KILL", "ID", "0"),
    ("FLUSHALL", "NEITHER"),
    ("SWAPDB", "0", "NONE"),
    ("REPLICAOF", "NOBODY", "NO-PORT"),
    ("SHUTDOWN", "NEITHER"),
)
_OWN: Final = (
    ("GET", "{own}"),
    ("SET", "{own}", "1", "XX"),
    ("DEL", "{own}"),
    ("EXPIRE", "{own}", "1"),
    ("SREM", "{own}", "1"),
    ("ZADD", "{own}", "XX", "1", "1"),
    ("XADD", "{own}", "NOMKSTREAM", "*", "a", "b"),
    ("LREM", "{own}", "0", "1"),
    ("BLMOVE", "{own}", "{own}", "RIGHT", "LEFT", "0.001"),
    ("PUBLISH", "{own}", "1"),
    ("WAIT", "0", "1"),
    ("TIME",),
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
    """Return what Redis answers a worker of `site`; nothing is written, whatever it may do.

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
            _shown(one)
            for one in (*_OF_OTHERS, *_OF_ADMINISTRATORS)
            if answers[one] is not NoPermissionError
        ),
        functions_missing=missing,
        is_published=bool(found),
        published=PublishedSite.read(found or b""),
        served=tuple(queue for queue, lives in zip(QUEUES, alive, strict=True) if lives),
    )


def _answers(redis: Any, keys: SiteKeys) -> dict[Command, type[ResponseError] | None]:
    """Return with which error Redis answers this user each command; None for any answer."""
    invented = secrets.token_hex(8)
    names = {"own": f"{keys.prefix}check:{invented}", "other": f"conncheck-check:{invented}"}
    connection = redis.connection_pool.get_connection()
    try:
        return {
            command: _error(connection, [part.format(**names) for part in command])
            for command in (*_OWN, *_OF_OTHERS, *_OF_ADMINISTRATORS)
        }
    finally:
        connection.disconnect()
        redis.connection_pool.release(connection)


def _error(connection: Any, command: Sequence[str]) -> type[ResponseError] | None:
    connection.send_command(*command)
    try:
        connection.read_response()
    except ResponseError as error:
        return type(error)
    return None


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
    names = {"own": "a key of the site", "other": "a key of others"}
    parts = [part.format(**names) for part in command if part.startswith("{")]
    words = command[:2] if command[0] in ("SCRIPT", "FUNCTION", "CONFIG", "ACL", "CLIENT") else ()
    return " ".join([*(words or command[:1]), *(f"({part})" for part in parts[:1])])
