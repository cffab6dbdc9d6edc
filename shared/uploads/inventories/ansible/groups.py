"""The groups and hosts of an Ansible inventory, and which variables a host has.

Facts are from Ansible's guide "How to build your inventory" and its plugins/inventory/__init__.py.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.uploads.inventories.ansible.variables import KEPT
from shared.uploads.row import UploadError

MOST_HOSTS = 50_000
"""Counted as often as a group names them."""
MOST_GROUPS = 2000
LONGEST_PATTERN = 255
ALL, UNGROUPED = "all", "ungrouped"

_RANGE = re.compile(r"\[(\d{1,6}|[A-Za-z]):(\d{1,6}|[A-Za-z])(?::(\d{1,6}))?\]")
_PORT = re.compile(r"(?P<host>(?:\[[^\]]*\]|[^:\[\]])+):(?P<port>\d{1,5})")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]")


@dataclass(slots=True)
class _Group:
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    parents: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Host:
    """A host, and what the inventory says of it itself."""

    groups: dict[str, None] = field(default_factory=dict)
    """Their names in the order of the file."""
    variables: dict[str, Any] = field(default_factory=dict, repr=False)


class Groups:
    """An inventory while it is read; of the variables only those are kept that rows need."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {ALL: _Group()}
        self.hosts: dict[str, Host] = {}
        self._named = 0

    def add_group(self, name: str, parent: str = ALL) -> None:
        """Add a group, or another parent of it.

        Raises:
            UploadError: There are more than MOST_GROUPS.
        """
        group = self._groups.setdefault(name, _Group())
        if len(self._groups) > MOST_GROUPS:
            raise UploadError("The inventory has more than {most} groups.", most=MOST_GROUPS)
        if name != ALL:
            group.parents[parent] = None

    def set(self, group: str, variables: Mapping[str, Any]) -> None:
        """Give a group variables."""
        self.add_group(group)
        self._groups[group].variables |= _kept(variables)

    def add_hosts(self, pattern: str, group: str, variables: Mapping[str, Any]) -> None:
        """Add the hosts of a pattern such as web[01:20].example.com:2222.

        Raises:
            UploadError: There are more than MOST_HOSTS.
        """
        kept = _kept(variables)
        if at := _PORT.fullmatch(pattern[: LONGEST_PATTERN + 1]):
            pattern, kept = at["host"], {"ansible_port": at["port"], **kept}
        for name in _expanded(pattern):
            self._named += 1
            if self._named > MOST_HOSTS:
                raise UploadError("The inventory has more than {most} hosts.", most=MOST_HOSTS)
            host = self.hosts.setdefault(name, Host())
            host.groups[group] = None
            host.variables |= kept

    def effective(self) -> Iterator[tuple[str, Host, dict[str, Any]]]:
        """Yield each host with the variables that count for it: its own, then the nearest group's.

        Raises:
            UploadError: Groups contain each other.
        """
        levels = self._levels()
        inherited = self._inherited(levels)
        for name, host in self.hosts.items():
            found: dict[str, Any] = dict(inherited[ALL])
            for group in sorted(host.groups, key=lambda one: (levels[one], one)):
                found |= inherited[group]
            yield name, host, found | host.variables

    def _levels(self) -> dict[str, int]:
        """Return how deep each group is below `all`, parents first."""
        levels: dict[str, int] = {}
        children: dict[str, list[str]] = {}
        waiting = {name: len(group.parents) for name, group in self._groups.items()}
        for name, group in self._groups.items():
            for parent in group.parents:
                children.setdefault(parent, []).append(name)
        ready = [(name, 0) for name, left in waiting.items() if not left]
        while ready:
            name, level = ready.pop()
            levels[name] = level
            for child in children.get(name, ()):
                waiting[child] -= 1
                if not waiting[child]:
                    above = max(levels[parent] for parent in self._groups[child].parents)
                    ready.append((child, above + 1))
        if len(levels) < len(self._groups):
            raise UploadError("The inventory has groups that contain each other.")
        return levels

    def _inherited(self, levels: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name in sorted(levels, key=lambda one: (levels[one], one)):
            group = self._groups[name]
            found[name] = {}
            for parent in sorted(group.parents, key=lambda one: (levels[one], one)):
                found[name] |= found[parent]
            found[name] |= group.variables
        return found


def _kept(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name in KEPT}


def _expanded(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with ranges stands for."""
    if address := _IPV6.fullmatch(pattern[: LONGEST_PATTERN + 1]):
        yield address[1]
        return
    span = _RANGE.search(pattern) if len(pattern) <= LONGEST_PATTERN else None
    if span is None:
        yield pattern
        return
    before, after = pattern[: span.start()], pattern[span.end() :]
    for part in _parts(span[1], span[2], int(span[3] or 1)):
        for rest in _expanded(after):
            yield f"{before}{part}{rest}"


def _parts(first: str, last: str, step: int) -> Iterator[str]:
    step = max(step, 1)
    if first.isdecimal() and last.isdecimal():
        width = len(first) if first.startswith("0") else 0
        for number in range(int(first), int(last) + 1, step):
            yield str(number).zfill(width)
    elif first.isalpha() and last.isalpha():
        for number in range(ord(first), ord(last) + 1, step):
            yield chr(number)
