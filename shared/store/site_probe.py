"""Check Redis as a worker of a site sees it: what it may do, and what the API has published."""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from shared.queue.queued_job import QUEUES, QueueName
from shared.sites.published_site import PublishedSite
from shared.store.connection import connect
from shared.store.errors import named_if_unreachable
from shared.store.scripts import MOST_KEYS
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

Command = tuple[str, ...]

# Each is one that changes nothing on keys that do not exist, or whose arguments Redis refuses; it
# looks at the rights of the user before those (redis.io, "ACL"). The names are invented: {own} is
# one of the site, {core} of the site `default`, {site} of a site whose name begins alike, which a
# rule without its colon reaches too, and {other} of nobody.
_OF_OTHERS: Final = (
    ("GET", "{other}"),
    ("SET", "{other}", "1", "XX"),
    ("DEL", "{other}"),
    ("LPUSHX", "{other}", "1"),
    ("XRANGE", "{other}", "-", "+"),
    ("PUBLISH", "{other}", "1"),
    *(
        (command, name, *rest)
        for name in ("{core}", "{site}")
        for command, *rest in (("GET",), ("SET", "1", "XX"), ("PUBLISH", "1"))
    ),
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
    ("MULTI",),  # the last: what follows would be queued, and dropped with the connection
)
_OWN: Final = (
    ("GET", "{own}"),
    ("SET", "{own}", "1", "XX"),
    ("DEL", "{own}"),
    ("EXISTS", "{own}"),
    ("EXPIRE", "{own}", "1"),
    ("PEXPIRE", "{own}", "1"),
    ("TTL", "{own}"),
    ("PTTL", "{own}"),
    ("RENAME", "{own}", "{own}"),
    ("COPY", "{own}", "{own}:2"),
    ("INCRBY", "{own}", "no number"),
    ("HGET", "{own}", "1"),
    ("HSET", "{own}", "1", "1", "no value"),
    ("SREM", "{own}", "1"),
    ("SCARD", "{own}"),
    ("SISMEMBER", "{own}", "1"),
    ("SMEMBERS", "{own}"),
    ("ZADD", "{own}", "XX", "1", "1"),
    ("ZREM", "{own}", "1"),
    ("ZCARD", "{own}"),
    ("ZCOUNT", "{own}", "0", "1"),
    ("ZSCORE", "{own}", "1"),
    ("ZRANGE", "{own}", "0", "1"),
    ("ZRANGEBYSCORE", "{own}", "0", "1"),
    ("ZREMRANGEBYSCORE", "{own}", "0", "1"),
    ("XADD", "{own}", "NOMKSTREAM", "*", "a", "b"),
    ("XLEN", "{own}"),
    ("XRANGE", "{own}", "-", "+"),
    ("LLEN", "{own}"),
    ("LRANGE", "{own}", "0", "1"),
    ("LREM", "{own}", "0", "1"),
    ("LTRIM", "{own}", "0", "1"),
    ("LMOVE", "{own}", "{own}", "RIGHT", "LEFT"),
    ("BLMOVE", "{own}", "{own}", "RIGHT", "LEFT", "0.001"),
    ("PUBLISH", "{own}", "1"),
    ("INFO", "persistence"),
    ("INFO", "replication"),
    ("WAIT", "0", "1"),
)
UNASKED: Final = frozenset({"fcall", "ping", "time", "incr", "lpush", "rpush", "sadd", "subscribe"})
"""Commands of the rule without a form that changes nothing, or that are sent anyway."""
_NAMES: Final = {
    "{own}": "a key of the site",
    "{core}": "a key of the site default",
    "{site}": "a key of another site",
    "{other}": "a key of others",
}
_SUBCOMMANDS: Final = ("SCRIPT", "FUNCTION", "CONFIG", "ACL", "CLIENT", "INFO")


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
    is_its_user: bool
    """Whether it may read the keys of the site at all; nothing else can be told if it may not."""
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
        is_its_user=answers["GET", "{own}"] is not NoPermissionError,
        is_published=bool(found),
        published=PublishedSite.read(found or b""),
        served=tuple(queue for queue, lives in zip(QUEUES, alive, strict=True) if lives),
    )


def _answers(redis: Any, keys: SiteKeys) -> dict[Command, type[ResponseError] | None]:
    """Return with which error Redis answers this user each command; None for any answer."""
    invented = secrets.token_hex(8)
    names = {
        "own": f"{keys.prefix}check:{invented}",
        "core": f"{DEFAULT_KEYS.prefix}check:{invented}",
        "site": f"{keys.prefix.removesuffix(':')}-check:{invented}",
        "other": f"conncheck-check:{invented}",
    }
    commands = (*_OWN, *_OF_OTHERS, *_OF_ADMINISTRATORS)
    connection = redis.connection_pool.get_connection()
    try:
        # All at once: the way to Redis may be a long one.
        connection.send_packed_command(
            connection.pack_commands([part.format(**names) for part in one] for one in commands)
        )
        return {command: _error(connection) for command in commands}
    finally:
        connection.disconnect()
        redis.connection_pool.release(connection)


def _error(connection: Any) -> type[ResponseError] | None:
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
    where = next((_NAMES[part] for part in command if part in _NAMES), "")
    if command[0] == "PUBLISH":
        where = where.replace("a key", "a channel")
    words = command[:2] if command[0] in _SUBCOMMANDS else command[:1]
    return " ".join(
        [*(word for word in words if word not in _NAMES), *([f"({where})"] * bool(where))]
    )
