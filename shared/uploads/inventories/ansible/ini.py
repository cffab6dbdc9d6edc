"""Read an Ansible inventory in INI.

Facts are from Ansible's plugins/inventory/ini.py.
"""

import re
from collections.abc import Sequence

from shared.uploads.inventories.ansible.groups import ALL, UNGROUPED, Groups
from shared.uploads.inventories.sections import Section
from shared.uploads.row import UploadError

_KINDS = (":vars", ":children", ":hosts")
_WORD = re.compile(r"""(?:[^\s"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|(?<=\S)#)+""")
_QUOTED = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'""")
_ESCAPED = re.compile(r'\\(["\\])')
_SETTING = re.compile(r"[\w.-]+\s*=")
# A literal of Python; the parser of Python itself can be crashed.
_LITERAL = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_ESCAPE = re.compile(
    r"""\\(?:([\\'"abfnrtv])|x([0-9A-Fa-f]{2})|u((?![dD][89A-Fa-f])[0-9A-Fa-f]{4}))"""
)
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
LONGEST_LINE = 16_384


def is_ansible(sections: Sequence[Section]) -> bool:
    """Return whether these are groups of hosts: lines that begin with a name, not a setting."""
    return any(
        section.name.endswith(_KINDS)
        or any("ansible_" in line or not _SETTING.match(line) for _, line in section.lines)
        for section in sections
    )


def groups_in(sections: Sequence[Section]) -> Groups:
    """Return the groups and hosts.

    Raises:
        UploadError: There are too many, or a line is too long.
    """
    groups = Groups()
    for section in sections:
        name, _, kind = section.name.rpartition(":") if section.name.endswith(_KINDS) else (
            section.name or UNGROUPED, "", "hosts",
        )  # fmt: skip
        groups.add_group(name)
        for number, line in section.lines:
            if len(line) > LONGEST_LINE:
                detail = "{place}: is longer than {most} characters."
                raise UploadError(detail, place=f"line {number}", most=LONGEST_LINE)
            if kind == "children":
                groups.add_group(line.partition("#")[0].strip(), name)
            elif kind == "vars":
                variable, _, value = line.partition("=")
                groups.set(name, {variable.strip(): _literal(value.strip())})
            else:
                _add_hosts(groups, line, name)
    return groups


def _add_hosts(groups: Groups, line: str, group: str) -> None:
    words = _words(line)
    if not words:
        return
    pairs = (word.partition("=") for word in words[1:])
    variables = {name: _literal(value) for name, equals, value in pairs if equals}
    groups.add_hosts(words[0], ALL if group == ALL else group, variables)


def _words(line: str) -> list[str]:
    """Return the words of a line as a shell splits them, without a comment at its end."""
    words = []
    end = 0
    for word in _WORD.finditer(line):
        if "#" in line[end : word.start()]:
            break
        words.append(_QUOTED.sub(_without_quotes, word[0]))
        end = word.end()
    return words


def _without_quotes(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    return found[3] if found[2] is None else _ESCAPED.sub(r"\1", found[2])


def _literal(value: str) -> str:
    """Return a value as Ansible does, which takes a quoted one for a literal of Python."""
    value = re.sub(r"^(\d+)\s+#.*", r"\1", value)
    literal = _LITERAL.fullmatch(value)
    if literal is None:
        return value
    return _ESCAPE.sub(_unescaped, literal[2] if literal[1] is None else literal[1])


def _unescaped(escape: re.Match[str]) -> str:
    if name := escape[1]:
        return _NAMED.get(name, name)
    return chr(int(escape[2] or escape[3], 16))
