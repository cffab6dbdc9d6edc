"""Find the line of a response's head that breaks a rule of HTTP/1.1, and the rule (RFC 9112)."""

import re
from collections.abc import Callable, Sequence

from shared.diagnosis.outcomes import Facts
from shared.text import printable

LONGEST_SHOWN = 60

READ_OVER = "browsers and curl read over it, strict clients such as Node.js do not"

BARE_LF = "a bare LF, without CR, ends the line"
STRAY_CR = "a CR in the middle of the line"
CONTROL_CHARACTER = "a control character in the line"
STATUS_LINE = "the status line has another form than HTTP/1.1 200 OK"
NO_COLON = "a header line without a colon"
BLANK_BEFORE_COLON = "a blank before the colon"
BAD_NAME = "a character that header names must not have"
BAD_LENGTH = "the length is not a number"
LENGTHS_DIFFER = "Content-Length twice with different values"
TWO_FRAMINGS = "both Transfer-Encoding and Content-Length"
SWITCHED = "a change of protocol that was not requested (101)"
CHUNKED_NOT_LAST = "chunked is not the last transfer coding"
NUL = "a NUL in the line"
BAD_CHUNK = "a chunk without a valid size or end"
UNNAMED = "an invalid header line"

# The others are refused by some browsers too.
_READ_OVER = {BARE_LF, CONTROL_CHARACTER, NO_COLON, BLANK_BEFORE_COLON, BAD_NAME, TWO_FRAMINGS}

_WHOLE_LINES = {LENGTHS_DIFFER, TWO_FRAMINGS}

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}[ \r\n]")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}( .*)?", re.DOTALL)
_FOLDED = re.compile(rb"(?<=\n)(?![ \t])[^\r\n]+(?:\r\n[ \t]+[^\r\n]*)+")
_FOLD = re.compile(rb"\r\n[ \t]+")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_LENGTH, _CODING = b"content-length", b"transfer-encoding"


def last_head(received: bytes) -> bytes:
    """Return `received` from the head of the last response on: interim ones come before it."""
    while _INTERIM.match(received) and (end := _HEAD_END.search(received)):
        received = received[end.end() :]
    return received


def is_whole(head: bytes) -> bool:
    """Return whether the empty line that ends a head was received."""
    return bool(_HEAD_END.search(head))


def broken_rule(received: bytes, *, shows_lines: bool) -> Facts | None:
    """Return the `violation` in the last head of `received` and its `broken_line`, if there is one.

    A rule that a recipient may pass over by itself is none: see `mended`. `shows_lines` allows to
    quote a line that has no name.
    """
    lines = _lines(last_head(received))
    found = _in_lines(lines) or _in_framing([line.removesuffix(b"\r") for line in lines[1:]])
    if found is None:
        return None
    violation, line = found
    shown = _shown(line) if violation in _WHOLE_LINES else _label(line, quotes=shows_lines)
    facts = {"violation": violation, **({"broken_line": shown} if shown else {})}
    return {**facts, "read_over": READ_OVER} if violation in _READ_OVER else facts


def mended(received: bytes) -> bytes:
    """Return `received` without what a recipient may take for something valid (RFC 9112 5.2, 6.3).

    A header line that continues on the next one becomes one line, and of equal lengths one is
    kept. Transfer-Encoding: identity, which RFC 9112 no longer has, means nothing.
    """
    head = last_head(received)
    end = head.find(b"\r\n\r\n")
    # Each header at once: joined line by line, a head of thousands takes seconds.
    content = _FOLDED.sub(lambda found: _FOLD.sub(b" ", found[0]), head[:end])
    lines = content.split(b"\r\n")
    lengths = [line for line in lines if _name_of(line) == _LENGTH]
    kept = [line for line in lines if _name_of(line) != _LENGTH and not _is_identity(line)]
    if lengths:
        kept.append(b"Content-Length: " + _values(lengths)[0])
    return b"\r\n".join(kept) + head[end:]


def _lines(head: bytes) -> Sequence[bytes]:
    """Return the complete lines before the empty one, without their LF."""
    lines = head.split(b"\n")[:-1]
    ends = (number for number, line in enumerate(lines) if line in (b"", b"\r") and number)
    return lines[: next(ends, len(lines))]


def _in_lines(lines: Sequence[bytes]) -> tuple[str, bytes] | None:
    """Return the first rule that one of the lines breaks by itself, and this line."""
    for number, line in enumerate(lines):
        content = line.removesuffix(b"\r")
        if number == 0 and not _STATUS_LINE.fullmatch(content):
            return STATUS_LINE, content
        for violation, is_broken in _IN_ANY_LINE if number == 0 else _IN_HEADER_LINES:
            if is_broken(line):
                return violation, content
        if line == content:
            return BARE_LF, content
    return None


def _in_framing(lines: Sequence[bytes]) -> tuple[str, bytes] | None:
    lengths = [line for line in lines if _name_of(line) == _LENGTH]
    codings = [line for line in lines if _name_of(line) == _CODING and not _is_identity(line)]
    for line in lengths:
        if not all(value.isdigit() and len(value) <= 18 for value in _values([line])):
            return BAD_LENGTH, line
    if len({int(value) for value in _values(lengths)}) > 1:
        return LENGTHS_DIFFER, b", ".join(lengths)
    return (TWO_FRAMINGS, b", ".join([*codings, *lengths])) if lengths and codings else None


def _values(lines: Sequence[bytes]) -> list[bytes]:
    return [value.strip() for line in lines for value in line.partition(b":")[2].split(b",")]


def _name_of(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _is_identity(line: bytes) -> bool:
    return _name_of(line) == _CODING and _values([line]) == [b"identity"]


def _continues(line: bytes) -> bool:
    return line.startswith((b" ", b"\t"))


def _has_no_colon(line: bytes) -> bool:
    return not _continues(line) and b":" not in line


def _has_blank(line: bytes) -> bool:
    name = line.partition(b":")[0]
    return not _continues(line) and bool(_TOKEN.fullmatch(name.rstrip())) and name != name.rstrip()


def _has_bad_name(line: bytes) -> bool:
    return not _continues(line) and not _TOKEN.fullmatch(line.partition(b":")[0])


_IN_ANY_LINE: Sequence[tuple[str, Callable[[bytes], bool]]] = (
    (NUL, lambda line: b"\x00" in line),
    (CONTROL_CHARACTER, lambda line: bool(_CONTROL.search(line))),
    (STRAY_CR, lambda line: b"\r" in line.removesuffix(b"\r")),
)
_IN_HEADER_LINES = (
    *_IN_ANY_LINE,
    (NO_COLON, _has_no_colon),
    (BLANK_BEFORE_COLON, _has_blank),
    (BAD_NAME, _has_bad_name),
)


def _label(line: bytes, *, quotes: bool) -> str:
    """Return what a sentence calls the line: the header's name or, without one, its text."""
    name, colon, _ = line.partition(b":")
    if colon and _TOKEN.fullmatch(name.strip()):
        return _shown(name.strip())
    return _shown(line) if quotes else ""


def _shown(line: bytes) -> str:
    return printable(line.decode("latin-1").strip(), LONGEST_SHOWN)
