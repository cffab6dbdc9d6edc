"""Read the configuration of the system's resolver: resolv.conf(5) and hosts(5)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.policy.addresses import is_address

_RESOLV_CONF = Path("/etc/resolv.conf")
_HOSTS = "/etc/hosts"
MOST_SERVERS = 3  # MAXNS of resolv.h
MOST_NAMES = 7  # MAXDNSRCH and the name itself
LONGEST_NAME = 254  # RFC 1035 2.3.4, with the final dot


@dataclass(frozen=True, slots=True)
class ResolverConfig:
    """The name servers in order, and the suffixes that are appended to names."""

    name_servers: tuple[str, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1

    @classmethod
    def read(cls) -> "ResolverConfig":
        """Return the content of /etc/resolv.conf; without it the resolver is on this machine."""
        try:
            return cls.parse(_RESOLV_CONF.read_text("utf-8", "replace"))
        except OSError:
            return cls.parse("")

    @classmethod
    def parse(cls, text: str) -> "ResolverConfig":
        """Parse `text` as the C library does."""
        servers: list[str] = []
        search: tuple[str, ...] = ()
        ndots = 1
        for word, *rest in _lines(text, "#;"):
            if word == "nameserver" and rest and is_address(_without_zone(rest[0])):
                servers.append(rest[0])
            elif word in ("search", "domain"):
                search = tuple(name.rstrip(".").lower() for name in rest if name != ".")
            elif word == "options":
                ndots = _ndots(rest, ndots)
        return cls(tuple(servers[:MOST_SERVERS]) or ("127.0.0.1",), search, ndots)

    def names_asked(self, host: str) -> tuple[str, ...]:
        """Return the absolute names that are looked up for `host`, in order."""
        if host.endswith("."):
            return (host,)
        searched = [f"{host}.{suffix}." for suffix in self.search]
        as_it_is = [f"{host}."]
        is_first = host.count(".") >= self.ndots
        names = as_it_is + searched if is_first else searched + as_it_is
        return tuple(name for name in names[:MOST_NAMES] if len(name) <= LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class HostsEntry:
    """The entry of a name in /etc/hosts: its first line, and the addresses of all its lines."""

    line: int
    addresses: tuple[str, ...]


def hosts_entry(host: str) -> HostsEntry | None:
    """Return the entry of `host` in /etc/hosts; the file is read again when it has changed."""
    try:
        seen = os.stat(_HOSTS)  # noqa: PTH116 -- a Path costs as much as the call itself
    except OSError:
        return None
    known = _entries(seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return known.get(host.removesuffix(".").lower())


@lru_cache(maxsize=1)
def _entries(*_version: int) -> Mapping[str, HostsEntry]:
    try:
        return parse_hosts(Path(_HOSTS).read_text("utf-8", "replace"))
    except OSError:
        return {}


def parse_hosts(text: str) -> Mapping[str, HostsEntry]:
    """Return the entries in `text`, the content of /etc/hosts, by name."""
    entries: dict[str, HostsEntry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for address, *names in _lines(line, "#"):
            for name in {name.lower() for name in names if is_address(_without_zone(address))}:
                before = entries.get(name, HostsEntry(number, ()))
                entries[name] = HostsEntry(before.line, (*before.addresses, address))
    return entries


def _lines(text: str, comment_marks: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        for mark in comment_marks:
            line = line.partition(mark)[0]
        words = line.split()
        if words:
            yield words


def _ndots(options: Sequence[str], otherwise: int) -> int:
    for option in options:
        name, _, value = option.partition(":")
        if name == "ndots" and value.isdecimal():
            return min(int(value), 15)  # RES_MAXNDOTS
    return otherwise


def _without_zone(address: str) -> str:
    return address.partition("%")[0]  # fe80::1%eth0, RFC 4007 11
