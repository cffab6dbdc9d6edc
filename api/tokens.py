"""Tell who calls from the bearer token (RFC 6750)."""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from pydantic import SecretStr

from api.caller import Caller
from shared.target_policy import UNLIMITED
from shared.token_file import TokenEntry, WatchedTokens

_HASHED = "sha256:"


class Tokens:
    """The callers by the SHA-256 of their tokens; the tokens themselves are not kept.

    Those of the environment are the operator's own and may do everything; those of `path` what
    their entry says. The file is read again when it changes.
    """

    def __init__(self, entries: Iterable[SecretStr], path: Path | None = None) -> None:
        self._own = [_entry(entry.get_secret_value()) for entry in entries]
        self._file = WatchedTokens(path) if path else None

    def caller_of(self, authorization: str | None) -> Caller | None:
        """Return the caller that an Authorization header names, None if it names nobody.

        Every known token is compared, each in constant time, whichever it is.
        """
        scheme, _, text = (authorization or "").partition(" ")
        token = SecretStr(text.strip())
        presented = sha256(text.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for digest, entry in self._known():
            if compare_digest(presented, digest):
                found = entry
        if found is None or scheme.lower() != "bearer":
            return None
        return _caller(found, token)

    def _known(self) -> Iterator[tuple[bytes, TokenEntry]]:
        yield from self._own
        for entry in self._file.entries() if self._file else ():
            yield bytes.fromhex(entry.sha256), entry


def _caller(entry: TokenEntry, token: SecretStr) -> Caller:
    return Caller(
        name=entry.name,
        tenant=entry.tenant or entry.name,
        token=token,
        scopes=frozenset(entry.scopes),
        policy=entry.policy,
        tests_per_minute=entry.tests_per_minute,
        targets_per_minute=entry.targets_per_minute,
    )


def _entry(text: str) -> tuple[bytes, TokenEntry]:
    name, separator, token = text.partition(":")
    if not (name and separator and token):
        raise ValueError("CONNCHECK_TOKENS takes name:token or name:sha256:HEX, comma separated")
    if token.startswith(_HASHED):
        digest = token.removeprefix(_HASHED)
        if not re.fullmatch("[0-9A-Fa-f]{64}", digest):
            raise ValueError("CONNCHECK_TOKENS: a sha256 has 64 hexadecimal digits")
    elif re.fullmatch("[!-~]+", token):  # a header could not carry another one
        digest = sha256(token.encode()).hexdigest()
    else:
        raise ValueError("CONNCHECK_TOKENS: a token is ASCII without blanks, right after the colon")
    own = TokenEntry(
        name=name,
        sha256=digest.lower(),
        scopes=("admin",),
        policy=UNLIMITED,
        tests_per_minute=None,
        targets_per_minute=None,
    )
    return bytes.fromhex(digest), own
