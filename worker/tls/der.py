"""Read DER (X.690) as far as certificates need it, also where strict libraries give up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_ID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
_UNIVERSAL_STRING, _BMP_STRING = 0x1C, 0x1E

_LONG_TAG = 0x1F
_LONGEST_LENGTH = 4  # bytes of a length: more than OpenSSL lets through in a handshake
_LONGEST_OBJECT_ID = 32


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag with class and form, and its content."""

    tag: int
    content: bytes

    def under(self, tag: int) -> bytes:
        """Return the content.

        Raises:
            ValueError: it has another tag.
        """
        if self.tag != tag:
            raise ValueError(f"tag {self.tag:#x} instead of {tag:#x}")
        return self.content


def whole(element: Element) -> bytes:
    """Return the element with its tag and length (X.690 8.1), as it stood in what was read."""
    size = len(element.content)
    if size < 0x80:
        return bytes((element.tag, size)) + element.content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((element.tag, 0x80 | len(digits))) + digits + element.content


def elements(content: bytes) -> Iterator[Element]:
    """Yield the elements that `content` consists of.

    Raises:
        ValueError: it is no whole number of elements with definite lengths and short tags.
    """
    at = 0
    while at < len(content):
        tag = content[at]
        length, at = _length(content, at + 1)
        if tag & _LONG_TAG == _LONG_TAG or at + length > len(content):
            raise ValueError("no element")
        yield Element(tag, content[at : at + length])
        at += length


def inside(content: bytes, tag: int = SEQUENCE) -> tuple[Element, ...]:
    """Return what the one element of `content` consists of.

    Raises:
        ValueError: as `elements`; or it is not one element with this tag.
    """
    (only,) = elements(content)
    return tuple(elements(only.under(tag)))


def _length(content: bytes, at: int) -> tuple[int, int]:
    """Return a length, and where its content begins."""
    first = content[at : at + 1]
    if not first:
        raise ValueError("no length")
    if first[0] < 0x80:
        return first[0], at + 1
    count = first[0] & 0x7F
    digits = content[at + 1 : at + 1 + count]
    if not 1 <= count <= _LONGEST_LENGTH or len(digits) < count:
        raise ValueError("no definite length")
    return int.from_bytes(digits), at + 1 + count


def object_id(content: bytes) -> str:
    """Return an object identifier as dotted numbers (X.690 8.19).

    Raises:
        ValueError: it is none, or one longer than any in use.
    """
    if not 1 <= len(content) <= _LONGEST_OBJECT_ID or content[-1] & 0x80:
        raise ValueError("no object identifier")
    arcs, arc = list[int](), 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(str(one) for one in (top, arcs[0] - 40 * top, *arcs[1:]))


def text(element: Element) -> str:
    """Return a string of any of ASN.1's types; what cannot be decoded is read as Latin-1."""
    wide = {_BMP_STRING: "utf-16-be", _UNIVERSAL_STRING: "utf-32-be"}
    if element.tag in wide:
        return element.content.decode(wide[element.tag], "replace")
    try:
        return element.content.decode()
    except UnicodeDecodeError:
        return element.content.decode("latin-1")


def moment(element: Element) -> datetime:
    """Return a time in one of the two forms that RFC 5280 4.1.2.5 allows.

    Raises:
        ValueError: it has another form.
    """
    told = element.content.decode("ascii")
    if element.tag == UTC_TIME and len(told) == len("YYMMDDHHMMSSZ"):
        told = ("19" if told[:2] >= "50" else "20") + told
    elif element.tag != GENERALIZED_TIME or len(told) != len("YYYYMMDDHHMMSSZ"):
        raise ValueError("no time")
    if not told[:-1].isdigit():
        raise ValueError("no time")
    return datetime.strptime(told, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
