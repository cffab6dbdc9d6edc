"""Tell who calls from the bearer token (RFC 6750)."""

import re
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from pydantic import SecretStr

from api.caller import Caller

_HASHED = "sha256:"


class Tokens:
    """The callers by the SHA-256 of their tokens; the tokens themselves are not kept."""

    def __init__(self, entries: Iterable[SecretStr]) -> None:
        self._callers = [_entry(entry.get_secret_value()) for entry in entries]

    def caller_of(self, authorization: str | None) -> Caller | None:
        """Return the caller that an Authorization header names, None if it names nobody.

        Every known token is compared, each in constant time, whichever it is.
        """
        scheme, _, token = (authorization or "").partition(" ")
        presented = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for name, digest in self._callers:
            if compare_digest(presented, digest):
                found = name
        if found is None or scheme.lower() != "bearer":
            return None
        return Caller(found, SecretStr(token.strip()))


def _entry(text: str) -> tuple[str, bytes]:
    name, separator, token = text.partition(":")
    if not (name and separator and token):
        raise ValueError("CONNCHECK_TOKENS takes name:token or name:sha256:HEX, comma separated")
    if token.startswith(_HASHED):
        if not re.fullmatch("[0-9A-Fa-f]{64}", token.removeprefix(_HASHED)):
            raise ValueError("CONNCHECK_TOKENS: a sha256 has 64 hexadecimal digits")
        digest = bytes.fromhex(token.removeprefix(_HASHED))
        return name, digest
    if not re.fullmatch("[!-~]+", token):  # a header could not carry it
        raise ValueError("CONNCHECK_TOKENS: a token is ASCII without blanks, right after the colon")
    return name, sha256(token.encode()).digest()
