"""Reload the token file while the API runs."""

import logging
from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Protocol

from shared.policy.token_file import Limits, TokenEntry, TokenFile

_log = logging.getLogger(__name__)

SETTLED_NS = 2_000_000_000
"""A file that was written more recently may be written again with the same timestamps."""

_Version = tuple[int, int, int, int]


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
    """The token file, checked on every access, so that a revocation takes effect at once.

    If the file can no longer be read, the last content stays in use, so that a typing error locks
    no caller out; the log reports it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._version()
        self._file = TokenFile.read(path)
        self._complained_of: _Version | None = None

    def entries(self) -> Sequence[TokenEntry]:
        """Return the tokens."""
        self._look_again()
        return self._file.tokens

    def limits_of(self, tenant: str) -> Limits:
        """Return the limits of the JSON Web Tokens of `tenant`."""
        self._look_again()
        return next((one for one in self._file.tenants if one.tenant == tenant), Limits())

    def _look_again(self) -> None:
        version = self._version()
        is_known = version in (self._seen, self._complained_of)
        if is_known and time_ns() - version[1] > SETTLED_NS:
            return
        try:
            found = TokenFile.read(self._path)
        except (OSError, ValueError) as error:
            if version != self._complained_of:
                reason = error.strerror if isinstance(error, OSError) else error
                _log.warning("tokens file=%s unchanged=true error=%s", self._path, reason)
            self._complained_of = version
            return
        if found != self._file:
            _log.info("tokens file=%s count=%d", self._path, len(found.tokens))
        self._file, self._seen, self._complained_of = found, version, None

    def _version(self) -> _Version:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0, 0)
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
