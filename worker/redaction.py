"""Remove a job's secrets from the texts that a platform sent."""

import json
import re
import ssl
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import new as new_hash
from html import escape, unescape
from itertools import chain
from urllib.parse import quote, quote_plus, unquote

from shared.diagnosis.outcomes import Fact
from shared.platform.product import Credentials
from shared.text import printable

REDACTED = "[redacted]"
LARGEST = 1e15
# Of a list: a name may have 4,000 addresses, and results are kept for a day.
MOST_PARTS, MOST_CHARACTERS = 50, 4000
SHORTEST = 4  # shorter ones occur in texts by chance
SHORTEST_SENT = 12  # of a header, which may also contain words and dates
SHORTEST_PIECE = 8  # of a secret that was encoded together with other text
# A shorter one takes the word around it along: "[redacted]istrator" would tell it.
SHORTEST_IN_WORD = 12

_SECRET_HEADER = re.compile("auth|cookie|token|session|signature|secret|password|-key", re.I)
_PARTS = re.compile(r"[\s,;:\"]+|=(?=[^\s,;=])")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")  # what is not escaped in URLs
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_SHORTEST_HASH = 22  # MD5 in base64, without its padding
_CIPHERS = frozenset(
    cipher["name"] for cipher in ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers()
)
MOST_ESCAPED = 3  # how often a text was escaped, one time over the other
_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_ESCAPED = re.compile(r"[\\&%]")  # the marks of _ESCAPES

_Unspelled = tuple[int, Callable[[str], Iterator[str]], str]
"""The length of the shortest form, the function that returns the forms, and the secret."""


class Redactor:
    """Removes the secrets of one job, in all forms in which a platform may return them."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._forms: list[str] = []
        self._hidden: list[str] = []
        self._plain: list[str] = []  # of the hidden ones, when a text may have one in an escape
        # Forms are computed when a text is long enough to contain them, or has the character that
        # they all have: most facts are shorter, and have none.
        self._unspelled: list[_Unspelled] = []
        self._shortest_unspelled = sys.maxsize
        self._spelled_by_mark = dict.fromkeys(_ESCAPES, 0)  # how many of the hidden ones
        self._public = _public_name(credentials) if credentials else ""
        secrets = _secrets(credentials, self._public) if credentials else ()
        for text in dict.fromkeys(chain.from_iterable(map(_as_arriving, secrets))):
            self._hide(text)
            self._spell_later(_shortest_piece(text), _pieces, text)
            self._spell_later(_SHORTEST_HASH, _hashes, text)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Learn the secrets in the headers of a request: signatures are secrets too.

        So are the session tokens that a platform returned, which later requests send.
        """
        values = [v for name, v in headers.items() if _SECRET_HEADER.search(name)]
        if not values:
            return
        parts = [part for value in values for part in (value, *_PARTS.split(value))]
        # Words of every such request: its scheme (RFC 9110 11.4), and the headers it has signed.
        words = {value.partition(" ")[0] for value in values if " " in value}
        words |= {self._public, *headers, *(name.lower() for name in headers)}
        for part in parts:
            if len(part) >= SHORTEST_SENT and part not in words:
                self._hide(part)

    def _hide(self, secret: str) -> None:
        self._hidden.append(secret)
        self._spell_later(len(secret), _forms, secret)

    def _spell_later(
        self, shortest: int, spell: Callable[[str], Iterator[str]], secret: str
    ) -> None:
        self._unspelled.append((shortest, spell, secret))
        self._shortest_unspelled = min(self._shortest_unspelled, shortest)

    def __call__(self, fact: Fact) -> Fact:
        """Return `fact` without secrets and safe to show."""
        if isinstance(fact, str):
            return self.text(fact)
        if isinstance(fact, tuple):
            return self._texts(fact)
        # JSON has no infinity, and Python does not parse integers of thousands of digits.
        return fact if abs(fact) < LARGEST else "out of range"

    def _texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the first of `texts` without secrets and safe to show, and how many are left."""
        shown: list[str] = []
        characters = 0
        for text in map(self.text, texts[:MOST_PARTS]):
            characters += len(text)
            if characters > MOST_CHARACTERS:
                break
            shown.append(text)
        left = len(texts) - len(shown)
        return (*shown, f"and {left} more") if left else tuple(shown)

    def text(self, text: str) -> str:
        """Return `text` without secrets and safe to show."""
        if text in _CIPHERS:  # cipher suites of OpenSSL, which occur in every test over TLS
            return text
        if len(text) >= self._shortest_unspelled:
            self._spell(len(text))
        if _ESCAPED.search(text):
            self._spell_escaped(text)
        for form in self._forms:
            if form in text:
                text = REDACTED.join(_around(form, text.split(form)))
        return REDACTED if self._is_told_by(text) else printable(text)

    def _is_told_by(self, text: str) -> bool:
        """Return whether a secret can be read in `text`, escaped in another way than in _ESCAPES.

        Nobody knows which part of it is the secret then.
        """
        if not _ESCAPED.search(text):
            return False
        plain = self._plain
        plain += [_unescaped(secret) for secret in self._hidden[len(plain) :]]
        for _ in range(MOST_ESCAPED):
            escaped, text = text, _unescaped(text)
            if any(one in text for one in plain if len(one) >= SHORTEST):
                return True
            if escaped == text:
                break
        return False

    def _spell(self, length: int) -> None:
        """Compute the forms that fit into a text of that length."""
        due = [one for one in self._unspelled if one[0] <= length]
        self._unspelled = [one for one in self._unspelled if one[0] > length]
        self._shortest_unspelled = min((one[0] for one in self._unspelled), default=sys.maxsize)
        self._add(form for _, spell, secret in due for form in spell(secret))

    def _spell_escaped(self, text: str) -> None:
        """Compute the forms that have a character which `text` has as well."""
        for mark, spell in _ESCAPES.items():
            if mark in text:
                new = self._hidden[self._spelled_by_mark[mark] :]
                self._spelled_by_mark[mark] = len(self._hidden)
                self._add(form for secret in new for form in spell(secret))

    def _add(self, forms: Iterable[str]) -> None:
        found = {*self._forms, *(form for form in forms if len(form) >= SHORTEST)}
        # The longest first: otherwise the rest of a form would remain after a shorter one is
        # removed.
        self._forms = sorted(found, key=len, reverse=True)


def _public_name(credentials: Credentials) -> str:
    """Return the access key if it may be shown, else nothing: no name that tells a secret may."""
    access = credentials.access_key.get_secret_value()
    secrets = (credentials.secret_key, *credentials.further)
    tells = any(one.get_secret_value().strip().lower() in access.lower() for one in secrets)
    return access if credentials.access_key_is_public and not tells else ""


def _secrets(credentials: Credentials, public: str) -> Iterator[str]:
    access = credentials.access_key.get_secret_value()
    secret = credentials.secret_key.get_secret_value()
    yield secret
    yield f"{access}:{secret}"
    if access != public:
        yield access
    for one in credentials.further:
        yield one.get_secret_value()


def _as_arriving(secret: str) -> Iterator[str]:
    """Yield a secret, and what our own parsers make of it: see HttpResponse and Said."""
    if secret.isascii() and " ".join(secret.split()) == secret:
        yield secret
        return
    latin = secret.encode("latin-1", "replace").decode("utf-8", "replace")
    for text in (secret, secret.encode().decode("latin-1"), *([latin] if "?" not in latin else [])):
        yield from (text, text.strip(), " ".join(text.split()))


def _unescaped(text: str) -> str:
    """Return `text` without one layer of the escapes of URLs, of HTML, of JSON and of strings."""
    plain = unescape(unquote(text))
    return _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), plain).replace("\\", "")


def _around(form: str, pieces: Sequence[str]) -> Iterator[str]:
    """Yield `pieces` of a text, between which `form` was, without what would tell a short form."""
    if len(form) >= SHORTEST_IN_WORD:
        yield from pieces
        return
    last = len(pieces) - 1
    for n, piece in enumerate(pieces):
        first, end = 0, len(piece)
        while n > 0 and first < end and _is_in_word(piece[first]):
            first += 1
        while n < last and end > first and _is_in_word(piece[end - 1]):
            end -= 1
        yield piece[first:end]


def _is_in_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())


def _forms(secret: str) -> Iterator[str]:
    """Yield the encodings of a secret that a platform may return, without _ESCAPES."""
    yield from (secret, secret.lower(), secret.upper())
    if " " in secret:  # in a query
        yield secret.replace(" ", "+")
    yield from _base64(secret.encode())


def _in_json(secret: str) -> Iterator[str]:
    for spelled in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield spelled
        yield spelled.replace("/", "\\/")  # as PHP encodes it
        # As Go does: encoding/json, HTMLEscape.
        yield re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", spelled)


def _in_html(secret: str) -> Iterator[str]:
    html = escape(secret)
    yield from (html, escape(secret, quote=False), html.replace("&#x27;", "&apos;"))
    # As Go does: html.EscapeString.
    yield html.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _in_url(secret: str) -> Iterator[str]:
    if not _PLAIN.fullmatch(secret):
        # The second one is JavaScript's encodeURIComponent, the last one is of a path.
        for safe in ("", "!'()*", "/"):
            yield from _lower_too(quote(secret, safe=safe))
        yield from _lower_too(quote_plus(secret))
    for encoded in _base64(secret.encode()):
        yield from _lower_too(quote(encoded, safe=""))


_ESCAPES: Mapping[str, Callable[[str], Iterator[str]]] = {
    "\\": _in_json,
    "&": _in_html,
    "%": _in_url,
}
"""The functions that escape a secret, each by a character that all its forms have, if any differ
from the secret."""


def _lower_too(quoted: str) -> Iterator[str]:
    yield quoted
    yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _pieces(secret: str) -> Iterator[str]:
    """Yield the parts of a secret in the encoding of a longer text."""
    raw = secret.encode()
    for spelled in _pieces_of_base64(raw):
        if len(spelled) >= SHORTEST_PIECE:
            yield spelled
    if len(spelled := raw.hex()) >= SHORTEST_PIECE:
        yield from (spelled, spelled.upper())


def _shortest_piece(secret: str) -> int:
    """Return the length of the shortest text that can contain a result of `_pieces`."""
    return max(len(secret.encode()) * 8 // 6 - 2, SHORTEST_PIECE)


def _hashes(secret: str) -> Iterator[str]:
    """Yield hashes of a secret, none of them shorter than _SHORTEST_HASH."""
    for name in _HASHES:
        # Some platforms take the hash of a password, which is then as secret as the password.
        digest = new_hash(name, secret.encode(), usedforsecurity=False).digest()
        yield from (digest.hex(), digest.hex().upper(), *_base64(digest))


def _base64(raw: bytes) -> Iterator[str]:
    for encoded in (b64encode(raw).decode(), urlsafe_b64encode(raw).decode()):
        yield from (encoded, encoded.rstrip("="))


def _pieces_of_base64(raw: bytes) -> Iterator[str]:
    """Yield the base64 of `raw` inside a longer text, for each of the three alignments."""
    for shift in range(3):
        # The first and the last characters depend on the surrounding text.
        first, end = -(-8 * shift // 6), (8 * (shift + len(raw))) // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * shift + raw + b"\0" * 3).decode()[first:end]
