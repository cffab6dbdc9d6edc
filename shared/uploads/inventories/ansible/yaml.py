"""Read an Ansible inventory in YAML, or in the JSON of `ansible-inventory --list`.

Facts are from Ansible's plugins/inventory/yaml.py and its guide to inventory scripts.
"""

from typing import Any

from shared.uploads.inventories.ansible.groups import ALL, Groups
from shared.uploads.inventories.values import VAULTED, listed, mapping, text_of

_PARTS = ("hosts", "children", "vars")
_META = "_meta"


def is_ansible(document: Any) -> bool:
    """Return whether this consists of groups, at least one of which has hosts or children."""
    content = mapping(document)
    groups = [group for name, group in content.items() if name != _META]
    fits = all(group is None or _is_group(group) for group in groups)
    parts = {part for group in groups for part in mapping(group)}
    return fits and bool(parts & {"hosts", "children"})


def _is_group(group: Any) -> bool:
    return isinstance(group, dict) and group.keys() <= {*_PARTS}


def groups_in(document: Any) -> Groups:
    """Return the groups and hosts.

    Raises:
        UploadError: There are too many.
    """
    groups = Groups()
    content = mapping(document)
    for name, group in content.items():
        if name != _META:
            _add(groups, name, mapping(group), ALL)
    for host, variables in mapping(mapping(content.get(_META)).get("hostvars")).items():
        if host in groups.hosts:
            groups.add_hosts(host, next(iter(groups.hosts[host].groups)), _texts(variables))
    return groups


def _add(groups: Groups, name: str, group: dict[str, Any], parent: str) -> None:
    groups.add_group(name, parent)
    groups.set(name, _texts(group.get("vars")))
    for host, variables in _by_name(group.get("hosts")).items():
        groups.add_hosts(host, name, _texts(variables))
    for child, content in _by_name(group.get("children")).items():
        _add(groups, child, mapping(content), name)


def _by_name(value: Any) -> dict[str, Any]:
    """Return hosts or children by name; a script lists their names, a text is one of them."""
    names = [value] if isinstance(value, str) else listed(value)
    return mapping(value) or {text: None for name in names if (text := text_of(name))}


def _texts(variables: Any) -> dict[str, Any]:
    return {name: _text(value) for name, value in mapping(variables).items()}


def _text(value: Any) -> Any:
    # JSON has no tags, and this instead of !vault.
    if value is VAULTED or "__ansible_vault" in mapping(value):
        return VAULTED
    return value if isinstance(value, bool) else text_of(value)
