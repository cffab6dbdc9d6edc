"""Parse the endpoint of a request strictly."""

import re
import unicodedata
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import get_args

import idna

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.steps import Scheme
from shared.text import is_hidden

LONGEST_ENDPOINT = 2048
LONGEST_NAME = 253  # RFC 1035 2.3.4, without the final dot
_CORRECT_IT = "Correct the endpoint, for example 192.168.1.100:8080 or https://cloud.example.com."

URL_MALFORMED = Cause(
    code="input.url_malformed",
    owner="caller",
    summary="The endpoint is not a host, host:port or http(s) URL: {problem}",
    remedies=(_CORRECT_IT,),
    field="endpoint",
)
INPUT_SCHEME_UNSUPPORTED = Cause(
    code="input.scheme_unsupported",
    owner="caller",
    summary="The endpoint's scheme is not supported; it must be http or https",
    remedies=("Use https:// or http:// in the endpoint, or leave the scheme out.",),
    field="endpoint",
)
PORT_INVALID = Cause(
    code="input.port_invalid",
    owner="caller",
    summary="The endpoint's port must be a whole number from 1 to 65535",
    remedies=("Use the port of the platform's API, or leave the port out.",),
    field="endpoint",
)
HOST_INVALID = Cause(
    code="input.host_invalid",
    owner="caller",
    summary="The endpoint's host is not valid: {problem}",
    remedies=("Correct the host name or address.",),
    field="endpoint",
)
HIDDEN_CHARACTER = Cause(
    code="input.hidden_character",
    owner="caller",
    summary="The endpoint contains {character} at position {position}",
    remedies=(
        "Type the endpoint by hand; text pasted from a chat or a document can contain invisible "
        "characters.",
    ),
    field="endpoint",
)
USERINFO_IN_URL = Cause(
    code="input.userinfo_in_url",
    owner="caller",
    summary="The endpoint must not contain a user name or password",
    remedies=("Move the credentials to accessKey and secretKey.",),
    field="endpoint",
)

CAUSES = (
    URL_MALFORMED,
    INPUT_SCHEME_UNSUPPORTED,
    PORT_INVALID,
    HOST_INVALID,
    HIDDEN_CHARACTER,
    USERINFO_IN_URL,
)

_SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_PORTS = re.compile(r"[0-9]{1,5}(:[0-9]{1,5})+")
_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb\u300c\u300d")
_TWO_SCHEMES = re.compile(r"[a-z]+:/*https?(://?|//)", re.IGNORECASE)
# A host may be called https and have a port.
_SCHEME_WITHOUT_SLASHES = re.compile(
    r"https?(//|[;,]|:/(?!/)|:(?![0-9]{1,5}(/|$|:))(?!//))", re.IGNORECASE
)
# RFC 2181 11: the DNS carries any name, and hosts of containers and of Windows have underscores.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# WHATWG URL, "ends in a number": such a host is an address or invalid. Resolvers read 127.1,
# 0x7f000001 and 2130706433 as 127.0.0.1, so no such host may reach a resolver.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
_OTHER_DOTS = "\u3002\uff0e\uff61"  # IDNA 2003 treats them as dots, and so do resolvers
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of a platform, as a caller gives it.

    `host` is a lower-case ASCII name (A-labels, RFC 5890), an IPv4 address or an IPv6 address
    without brackets. `scheme` and `port` are None if the caller left them to the product. `path` is
    empty or begins with a slash and ends without one.
    """

    host: str
    port: int | None = None
    scheme: Scheme | None = None
    path: str = ""

    def __str__(self) -> str:
        prefix = f"{self.scheme}://" if self.scheme else ""
        port = f":{self.port}" if self.port else ""
        return f"{prefix}{self.bracketed_host}{port}{self.path}"

    @property
    def bracketed_host(self) -> str:
        """The host in the form for a URL or a Host header."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def server_name(self) -> str:
        """The host in the form for certificates: without the final dot of an absolute name."""
        return self.host.removesuffix(".")

    @property
    def host_header(self) -> str:
        """The Host header, with the port unless it is the scheme's default."""
        standard = 443 if self.scheme == "https" else 80
        name = f"[{self.server_name}]" if ":" in self.host else self.server_name
        return name if self.port in (None, standard) else f"{name}:{self.port}"

    def completed(self, scheme: Scheme, port: int) -> "Endpoint":
        """Return the endpoint with the parts that the caller left out."""
        if self.scheme and self.port:
            return self
        return replace(self, scheme=self.scheme or scheme, port=self.port or port)


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint in `text`.

    Accepts host, host:port and http or https URLs, IPv6 in brackets and international names.
    `parse_endpoint(str(endpoint)) == endpoint` for every result.

    Raises:
        Failed: with one of CAUSES; its facts do not repeat the input.
    """
    if not text or len(text) > LONGEST_ENDPOINT:
        raise Failed(URL_MALFORMED, problem=f"it must have 1 to {LONGEST_ENDPOINT} characters")
    _refuse_hidden_characters(text)
    if slip := _slip_in(text):
        raise Failed(URL_MALFORMED, problem=slip)
    scheme, rest = _split_scheme(text)
    authority, slash, path = rest.partition("/")
    _refuse_what_urls_hide(authority, path)
    host, port = _split_port(authority)
    return Endpoint(_host(host), port, scheme, _path(slash + path))


def _refuse_hidden_characters(text: str) -> None:
    if text.isascii() and text.isprintable() and " " not in text:  # most are
        return
    for position, character in enumerate(text):
        name = unicodedata.name(character, "a control character").lower()
        # Compatibility forms (full-width letters, enclosed digits, the ideographic full stop) look
        # like other characters, and resolvers convert them to those.
        folded = unicodedata.normalize("NFKC", character) != character
        if is_hidden(character) or character.isspace() or folded or character in _OTHER_DOTS:
            code_point = f"U+{ord(character):04X}"
            raise Failed(HIDDEN_CHARACTER, character=f"{code_point} ({name})", position=position)


def _slip_in(text: str) -> str:
    """Return what is wrong with an endpoint that was pasted or typed badly; nothing if it is not.

    Each such text is refused anyway, with words that suit a machine more than a slip of the pen.
    """
    if text[0] in _QUOTES or text[-1] in _QUOTES - {"'"}:  # a path may end with ' (RFC 3986 3.3)
        return "it is in quotation marks"
    if text[0] == "$" or set(text) & set("<>{}"):
        return "it has a placeholder"
    if _TWO_SCHEMES.match(text):
        return "it has its scheme twice"
    if _SCHEME_WITHOUT_SLASHES.match(text):
        return "a colon and two slashes must follow http or https"
    return ""


def _split_scheme(text: str) -> tuple[Scheme | None, str]:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return None, text
    for known in _SCHEMES:
        if scheme.lower() == known:
            return known, rest
    raise Failed(INPUT_SCHEME_UNSUPPORTED)


def _refuse_what_urls_hide(authority: str, path: str) -> None:
    if "@" in authority:
        raise Failed(USERINFO_IN_URL)
    for mark, problem in (
        ("\\", "it must not have a backslash"),
        ("?", "it must not have a query: remove ? and what follows"),
        ("#", "it must not have a fragment: remove # and what follows"),
    ):
        if mark in authority or mark in path:
            raise Failed(URL_MALFORMED, problem=problem)
    if set(authority) & set(",;"):
        raise Failed(URL_MALFORMED, problem="it must be one host, without a comma or a semicolon")
    if "%" in authority:
        raise Failed(HOST_INVALID, problem="it must not contain percent signs or zone IDs")


def _split_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        address, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Failed(
                HOST_INVALID, problem=("an IPv6 address must be in brackets, like [2001:db8::1]")
            )
        host, separator, port = address, rest[:1], rest[1:]
        if ":" not in host:
            raise Failed(HOST_INVALID, problem="only an IPv6 address may be in brackets")
    else:
        host, separator, port = authority.partition(":")
        if _PORTS.fullmatch(port) and not _is_ipv6(authority):
            raise Failed(HOST_INVALID, problem="it has two ports")
        if ":" in port:
            raise Failed(
                HOST_INVALID, problem=("an IPv6 address must be in brackets, like [2001:db8::1]")
            )
    return host, _port(port) if separator else None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise Failed(PORT_INVALID)
    return int(text)


def _host(text: str) -> str:
    if ":" in text:
        return _ipv6(text)
    name, dot = text.lower().removesuffix("."), text[-1:] == "."
    if not name:
        raise Failed(HOST_INVALID, problem="it is empty")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _ipv4(name, ends_with_dot=dot)
    return _name(name) + ("." if dot else "")


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise Failed(HOST_INVALID, problem="it is not an IPv6 address") from None
    # RFC 5952 section 5; Python writes it so only from 3.13 on.
    mapped = address.ipv4_mapped
    return f"::ffff:{mapped}" if mapped and not address.scope_id else str(address)


def _ipv4(text: str, *, ends_with_dot: bool) -> str:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        problem = "an IPv4 address must be four decimal numbers up to 255"
        raise Failed(HOST_INVALID, problem=problem) from None
    if ends_with_dot:
        raise Failed(HOST_INVALID, problem="an address must not end with a dot")
    return str(address)


def _name(text: str) -> str:
    ascii_name = text if text.isascii() else _a_labels(text)
    if len(ascii_name) > LONGEST_NAME:
        raise Failed(HOST_INVALID, problem=f"a name must have at most {LONGEST_NAME} characters")
    if not all(_LABEL.fullmatch(label) for label in ascii_name.split(".")):
        problem = (
            "each part of a name must have 1 to 63 letters, digits, underscores or inner hyphens"
        )
        raise Failed(HOST_INVALID, problem=problem)
    return ascii_name


def _a_labels(text: str) -> str:
    if len(text) > LONGEST_NAME:  # the cost of idna grows with the square of the length
        raise Failed(HOST_INVALID, problem=f"a name must have at most {LONGEST_NAME} characters")
    try:
        return idna.encode(text).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Failed(
            HOST_INVALID, problem="it is not a valid international name (IDNA 2008)"
        ) from None


def _path(text: str) -> str:
    segments = text.split("/")
    if not _PATH.fullmatch(text) or ".." in segments or "." in segments:
        problem = "its path may only have letters, digits and -._~ between single slashes"
        raise Failed(URL_MALFORMED, problem=problem)
    return text.rstrip("/")
