"""Identify callers by their bearer token (RFC 6750)."""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from hmac import compare_digest

from pydantic import SecretStr

from api.access.caller import Caller
from shared.policy.token_file import ANY_SITE, TokenEntry, TokenPolicy
from shared.policy.watched_tokens import WatchedTokens

_HASHED = "sha256:"


class Tokens:
    """The callers by the SHA-256 of their tokens; the tokens are not kept.

    Tokens from the environment are the operator's own and may do everything. Tokens from the file
    may do what their entry says, and test `extra_ports` if the entry names no ports.
    """

    def __init__(
        self,
        entries: Iterable[SecretStr],
        file: WatchedTokens | None = None,
        extra_ports: tuple[int, ...] = (),
    ) -> None:
        self._own = [_entry(entry.get_secret_value()) for entry in entries]
        self._file = file
        self._extra_ports = extra_ports

    def caller_of(self, authorization: str | None) -> Caller | None:
        """Return the caller that an Authorization header identifies; None if there is none.

        Every known token is compared in constant time, even after a match.
        """
        token = bearer_token(authorization) or SecretStr("")
        presented = sha256(token.get_secret_value().encode("utf-8", "surrogateescape")).digest()
        found = None
        is_operators = False
        for digest, entry, is_own in self._known():
            if compare_digest(presented, digest):
                found, is_operators = entry, is_own
        if found is None or not token.get_secret_value():
            return None
        return Caller(
            name=found.name,
            tenant=found.tenant or found.name,
            token=token,
            scopes=frozenset(found.scopes),
            policy=found.policy.with_ports(self._extra_ports),
            sites=found.site_names,
            site_policies=found.policies_with_ports(self._extra_ports),
            tests_per_minute=found.tests_per_minute,
            targets_per_minute=found.targets_per_minute,
            is_operators=is_operators,
        )

    def _known(self) -> Iterator[tuple[bytes, TokenEntry, bool]]:
        for digest, own in self._own:
            yield digest, own, True
        for entry in self._file.entries() if self._file else ():
            yield bytes.fromhex(entry.sha256), entry, False


def bearer_token(authorization: str | None) -> SecretStr | None:
    """Return the token of an Authorization header (RFC 6750 2.1), None where there is none."""
    scheme, _, text = (authorization or "").partition(" ")
    return SecretStr(text.strip()) if scheme.lower() == "bearer" else None


def _entry(text: str) -> tuple[bytes, TokenEntry]:
    name, separator, token = text.partition(":")
    if not (name and separator and token):
        raise ValueError("CONNCHECK_TOKENS must be name:token or name:sha256:HEX, comma separated")
    if token.startswith(_HASHED):
        digest = token.removeprefix(_HASHED)
        if not re.fullmatch("[0-9A-Fa-f]{64}", digest):
            raise ValueError("CONNCHECK_TOKENS: a sha256 has 64 hexadecimal digits")
    elif re.fullmatch("[!-~]+", token):  # no other token fits into a header
        digest = sha256(token.encode()).hexdigest()
    else:
        raise ValueError("CONNCHECK_TOKENS: a token is ASCII without spaces, right after the colon")
    own = TokenEntry(
        name=name,
        sha256=digest.lower(),
        scopes=("admin",),
        policy=TokenPolicy(ports=()),
        sites=(ANY_SITE,),
        tests_per_minute=None,
        targets_per_minute=None,
    )
    return bytes.fromhex(digest), own
