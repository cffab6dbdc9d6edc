"""Read openrc.sh, the shell script that OpenStack's dashboard gives its users: one row.

Facts are from horizon's openrc.sh.template and python-openstackclient's environment variables.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from shared.uploads.inventories.clouds_yaml import clouds
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable

_VARIABLE = re.compile(
    r"^[ \t]*(?:export[ \t]+|set[ \t]+)?OS_([A-Z0-9_]{1,60})="
    r"""(?:"([^"\n]*)"|'([^'\n]*)'|([^\s;#]*))""",
    re.MULTILINE,
)
_PROMPTED = ("$OS_PASSWORD_INPUT", "%OS_PASSWORD_INPUT%")
_OUTSIDE = ("region_name", "interface", "endpoint_type", "auth_type", "cacert", "insecure")


def is_openrc(text: str) -> bool:
    """Return whether this script sets the address of a Keystone."""
    return any(found[1] == "AUTH_URL" for found in _VARIABLE.finditer(text))


def scripts(texts: Sequence[str], reading: Reading) -> Iterator[Row]:
    """Yield the row of each script; it is read as text, and never run."""
    for text in texts:
        found = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _VARIABLE.finditer(text)}
        name = found.get("project_name") or found.get("tenant_name") or "openrc"
        if found.get("password", "") in _PROMPTED:
            yield unreadable(f"cloud {name[:64]}", "asks for the password and does not contain it")
            continue
        outside: dict[str, Any] = {key: found[key] for key in _OUTSIDE if key in found}
        cloud = {"auth": found, **outside}
        yield from clouds([{"clouds": {name: cloud}}], reading)
