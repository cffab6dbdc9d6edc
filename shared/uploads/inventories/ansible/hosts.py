"""Make rows of the hosts of an Ansible inventory, and of the platforms in their variables."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.diagnosis.sentences import Sentence
from shared.uploads.inventories.ansible.groups import ALL, UNGROUPED, Groups
from shared.uploads.inventories.ansible.variables import (
    ADDRESS,
    CONNECTION,
    HTTPAPI_TLS,
    OVER_HTTP,
    PLATFORMS,
    PORT,
    PORTS,
    WINDOWS,
    WINDOWS_HTTP_PORT,
    PlatformVariables,
)
from shared.uploads.inventories.entries import entry, place_of, quoted
from shared.uploads.inventories.values import VAULTED, text_of, truth
from shared.uploads.row import Row, unreadable

_TEMPLATE = "{{"
_LOCAL = "local"


def rows_of(groups: Groups) -> Iterator[Row]:
    """Yield a row for each host, as a TCP port, and one for each platform, as its product.

    Raises:
        UploadError: Groups contain each other.
    """
    seen: set[tuple[str, ...]] = set()
    for name, host, variables in groups.effective():
        found = 0
        for platform in PLATFORMS:
            if address := _first(variables, platform.address):
                found += 1
                user = text_of(_first(variables, platform.user))
                key = (platform.product, text_of(address), user)
                if key not in seen:
                    seen.add(key)
                    yield _platform(name, platform, address, variables)
        connection = text_of(variables.get(CONNECTION)).rpartition(".")[2] or "smart"
        if connection != _LOCAL or not found:
            own = [group for group in host.groups if group not in (ALL, UNGROUPED)]
            yield _host(name, connection, variables, ", ".join(own))


def _platform(
    host: str, platform: PlatformVariables, address: Any, variables: Mapping[str, Any]
) -> Row:
    place = place_of("host", host)
    user, secret = _first(variables, platform.user), _first(variables, platform.password)
    token_id = text_of(variables.get(platform.token_id))
    if token_id and not secret:
        secret = variables.get(platform.token_secret)
        user = token_id if "!" in token_id else f"{text_of(user)}!{token_id}"
    if problem := _problem(address, user, secret):
        return Row(place, {}, problem)
    # Where a variable is missing, the modules verify.
    verifies = truth(_first(variables, platform.verify)) is not False
    options = {} if verifies else {"tls": {"verify": False}}
    key_pair = text_of(user), text_of(secret)
    shown = text_of(address)
    return entry(place, platform.product, shown, name=host, key_pair=key_pair, options=options)


def _problem(*values: Any) -> Sentence | None:
    if VAULTED in values:
        return Sentence("has a value that ansible-vault has encrypted; send it in plain text")
    if any(_TEMPLATE in text_of(value) for value in values):
        return Sentence("has a value that is a template; send what it stands for")
    if not all(values):
        return Sentence("has a platform without its user or password")
    return None


def _host(name: str, connection: str, variables: Mapping[str, Any], groups: str) -> Row:
    place = place_of("host", name)
    if connection == _LOCAL:
        return unreadable(place, "is the machine that Ansible runs on (ansible_connection: local)")
    if connection not in PORTS:
        return unreadable(
            place,
            "is reached with {connection} and not over the network",
            connection=quoted(connection),
        )
    address = _first(variables, ADDRESS) or name
    port = _first(variables, PORT) or _usual_port(connection, variables)
    if problem := _problem(address, port):
        return Row(place, {}, problem)
    host, is_ipv6 = text_of(address), text_of(address).count(":") > 1
    bracketed = f"[{host}]" if is_ipv6 and not host.startswith("[") else host
    endpoint = f"{bracketed}:{text_of(port)}"
    return entry(place, "tcp", endpoint, name=name, labels={"group": groups})


def _usual_port(connection: str, variables: Mapping[str, Any]) -> int:
    if connection in WINDOWS and text_of(_first(variables, OVER_HTTP)) == "http":
        return WINDOWS_HTTP_PORT
    is_https = connection == "httpapi" and truth(variables.get(HTTPAPI_TLS))
    return 443 if is_https else PORTS[connection]


def _first(variables: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value for name in names if (value := variables.get(name)) not in (None, "")), "")
