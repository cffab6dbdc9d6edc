"""Put an endpoint together from its host, its port and its scheme."""

import re
from ipaddress import AddressValueError, IPv6Address, ip_interface

from shared.diagnosis.sentences import Sentence

_WITH_FRACTION = re.compile(r"([0-9]{1,5})[.,]0+")
_SCHEMES = ("http", "https")
_SAY_NOTHING = ("", "tcp", "tls", "ssl", "tcp4", "tcp6")
_SPLIT = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)?(?P<authority>[^/]*)(?P<path>/.*)?", re.I | re.S
)
# NetBox and other inventories write addresses with the length of their network's prefix.
_WITH_PREFIX = re.compile(r"([0-9a-fA-F.:]{2,45})/[0-9]{1,3}")
_PORT_OF = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*):([0-9]+)")


class ContradictionError(Exception):
    """Raised for a port or a scheme that is not the one in the host's own cell."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.said = Sentence("has a {field} that is not the one in its address", {"field": field})


def joined(host: str, port: str = "", scheme: str = "") -> str:
    """Return the endpoint of these cells; what is wrong in one of them is left as it is.

    Raises:
        ContradictionError: The host is a URL with another port, or with another scheme.
    """
    scheme = scheme.casefold().removesuffix("://")
    scheme = "" if scheme in _SAY_NOTHING else scheme
    if number := _WITH_FRACTION.fullmatch(port):  # 443.0 of a spreadsheet that took it for a number
        port = number[1]
    host = _without_prefix(host)
    if not host or not (port or scheme or ":" in host):
        return host
    if _is_ipv6(host):
        host = f"[{host}]"
    found = _SPLIT.fullmatch(host)
    if not found:
        return host
    own_scheme, authority, path = found["scheme"] or "", found["authority"], found["path"] or ""
    if scheme in _SCHEMES and own_scheme and own_scheme.casefold() != f"{scheme}://":
        raise ContradictionError("scheme")
    own_port = _PORT_OF.fullmatch(authority)
    if port and own_port and own_port[1] != port:
        raise ContradictionError("port")
    end = f":{port}" if port and not own_port else ""
    return (own_scheme or (f"{scheme}://" if scheme else "")) + authority + end + path


def _without_prefix(host: str) -> str:
    """Return 10.0.0.5 of 10.0.0.5/24, whose end would be taken for a path; others as they are."""
    found = _WITH_PREFIX.fullmatch(host)
    if not found:
        return host
    try:
        ip_interface(host)
    except ValueError:
        return host
    return found[1]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
