"""Judge the entries of a certificate that say for which hosts it is valid (RFC 9525)."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from shared.policy.addresses import is_address

Kind = Literal["DNS", "IP", "URI", "email", "CN"]

_LDH = re.compile(r"[a-z0-9_-]{1,63}")  # underscores are no host names, but OpenSSL matches them
_PORT = re.compile(r"(.*[^:]):[0-9]{1,5}")

# Sentences, so that they can be translated.
ADDRESS = "an address must be an IP entry"
A_URL = "it is a URL, not a name"
AN_EMAIL = "it is an e-mail address, not a name"
PORT = "it contains a port"
DOT = "it ends with a dot"
PARTIAL_WILDCARD = "its wildcard is not the whole first label"
WIDE_WILDCARD = "its wildcard is directly below a top-level domain"
CHARACTER = "it contains a character that no host name has"
NOT_ASCII = "a name outside ASCII must be in its xn-- form"
EMPTY = "it is empty"
FOR_URIS = "it is an entry for URIs, not for hosts"
FOR_EMAIL = "it is an entry for e-mail addresses, not for hosts"
LENGTH = "an IP entry must have 4 or 16 bytes"
COMMON_NAME = "clients no longer accept the Common Name"
ONE_LABEL = "a wildcard stands for exactly one label"
FLAWS = (
    ADDRESS,
    A_URL,
    AN_EMAIL,
    PORT,
    DOT,
    PARTIAL_WILDCARD,
    WIDE_WILDCARD,
    CHARACTER,
    NOT_ASCII,
    EMPTY,
    FOR_URIS,
    FOR_EMAIL,
    LENGTH,
    COMMON_NAME,
    ONE_LABEL,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry for a host: one of the alternative names, or the Common Name."""

    kind: Kind
    text: str
    """As the platform wrote it, made safe to show; an address in its usual notation."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.text}"

    @property
    def flaw(self) -> str:
        """Why clients accept this entry for no host; empty if it is well-formed.

        RFC 5280 4.2.1.6 and RFC 9525 6.3, as OpenSSL judges them with the flags that Python sets:
        a wildcard is the whole first label, above two labels at least.
        """
        if self.kind == "DNS":
            return _flaw_of_name(self.text)
        if self.kind == "IP":
            return "" if is_address(self.text) else LENGTH
        return {"URI": FOR_URIS, "email": FOR_EMAIL, "CN": COMMON_NAME}[self.kind]


def is_valid_for(names: tuple[str, ...], host: str) -> bool:
    """Return whether `host`, a name or an address, is one of `names` (RFC 9525 6.3)."""
    if is_address(host):
        return str(ip_address(host)) in names
    host = host.lower()
    _, _, parent = host.partition(".")
    # A wildcard matches exactly one label, and never the one below the top-level domain.
    star = f"*.{parent}" if "." in parent else host
    return any(name.lower() in (host, star) for name in names)


def why_not(entry: Entry, host: str) -> str:
    """Return why an entry that means `host` does not count for it; empty if it means another."""
    if not _means(entry.text, host):
        return ""
    return entry.flaw or ONE_LABEL


def _flaw_of_name(name: str) -> str:
    signs = (
        (EMPTY, not name),
        (ADDRESS, is_address(name.strip("[]"))),
        (NOT_ASCII, not name.isascii()),
        (A_URL, "://" in name),
        (AN_EMAIL, "@" in name),
        (PORT, _PORT.fullmatch(name)),
        (DOT, name.endswith(".")),
    )
    flaw = next((flaw for flaw, applies in signs if applies), "")
    return flaw or _flaw_of_labels(name.lower().split("."))


def _flaw_of_labels(labels: list[str]) -> str:
    plain = labels
    if any("*" in label for label in labels):
        if labels[0] != "*" or any("*" in label for label in labels[1:]):
            return PARTIAL_WILDCARD
        if len(labels) <= 2:
            return WIDE_WILDCARD
        plain = labels[1:]
    return "" if all(map(_LDH.fullmatch, plain)) else CHARACTER


def _means(written: str, host: str) -> bool:
    """Return whether a person who wrote `written` meant `host`."""
    name = written.strip().lower().partition("://")[2] or written.strip().lower()
    name = name.partition("/")[0].rpartition("@")[2]
    ported = _PORT.fullmatch(name)
    if ported and not is_address(name):
        name = ported.group(1)
    name = name.strip("[]").removesuffix(".")
    if is_address(host):
        return is_address(name) and ip_address(name) == ip_address(host)
    called = host.lower().split(".")
    if not name.isascii() and name.count(".") >= len(called):
        return False  # converting a hundred labels that mean another name would cost a while
    labels = [_ascii(label) for label in name.split(".")]
    if labels == called:
        return True
    if not any("*" in label for label in labels):
        return False
    if len(labels) == len(called):
        return all("*" in a or a == b for a, b in zip(labels, called, strict=True))
    # The name itself, or one further below: what a wildcard is most often thought to include.
    return labels[0] == "*" and len(labels) > 1 and called[-len(labels) + 1 :] == labels[1:]


def _ascii(label: str) -> str:
    if label.isascii():
        return label
    try:
        return label.encode("idna").decode()
    except UnicodeError:  # too long, or no label at all
        return label
