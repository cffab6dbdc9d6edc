"""Reload the token file while the API runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from shared.policy.token_file import Limits, TokenEntry, TokenFile
from shared.watched_file import WatchedFile


class Limited(Protocol):
    """An object that knows the limits of tenants."""

    def limits_of(self, tenant: str) -> Limits:
        """Return the limits of the JSON Web Tokens of `tenant`."""


class NoTokens:
    """The limits without a token file."""

    def limits_of(self, _tenant: str) -> Limits:
        """Return the default limits."""
        return Limits()


class WatchedTokens:
    """The token file, checked on every access, so that a revocation takes effect at once."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile("tokens", path, TokenFile.read)

    def entries(self) -> Sequence[TokenEntry]:
        """Return the tokens."""
        return self._file.content().tokens

    def limits_of(self, tenant: str) -> Limits:
        """Return the limits of the JSON Web Tokens of `tenant`."""
        tenants = self._file.content().tenants
        return next((one for one in tenants if one.tenant == tenant), Limits())
