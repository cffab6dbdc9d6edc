"""The rule of Redis' access control that confines the workers of a site to its keys."""

from typing import Final

from shared.store.site_keys import SiteKeys

# What a worker sends itself. Its functions run with the rights of the one who calls them, so their
# commands are here too: those of shared/store/site_functions.py and of job_stream.py's `follow`.
# A command of containers has its subcommand behind a bar; of INFO only these two sections are told,
# which hold numbers and the addresses of replicas.
COMMANDS: Final = (
    *("fcall", "ping", "time", "wait", "info|persistence", "info|replication"),
    *("get", "set", "del", "exists", "expire", "pexpire", "ttl", "pttl", "rename", "copy"),
    *("incr", "incrby", "hget", "hset"),
    *("sadd", "srem", "scard", "sismember", "smembers"),
    *("zadd", "zrem", "zcard", "zcount", "zscore", "zrange", "zrangebyscore", "zremrangebyscore"),
    *("xadd", "xlen", "xrange"),
    *("llen", "lrange", "lrem", "ltrim", "lpush", "rpush", "lmove", "blmove"),
    *("publish", "subscribe"),
)


def acl_rule(site: str) -> str:
    """Return what follows the name of the user in `ACL SETUSER`, except its password.

    It may run no script of its own and no transaction, since a long one stalls all sites, and no
    command that names the keys of others or changes the server. SELECT is not among them: a site
    is in database 0.
    """
    prefix = SiteKeys.of(site).prefix
    allowed = " ".join(f"+{command}" for command in COMMANDS)
    return f"on resetkeys ~{prefix}* resetchannels &{prefix}* -@all {allowed}"
