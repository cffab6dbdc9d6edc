"""Reload a file while the process runs."""

import logging
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

SETTLED_NS = 2_000_000_000
"""A file that was written more recently may be written again with the same timestamps."""

_Version = tuple[int, int, int, int]
_Content = TypeVar("_Content")


class WatchedFile(Generic[_Content]):
    """A file that is checked on every access, so that a change takes effect at once.

    If the file can no longer be read, the last content stays in use, so that a typing error locks
    no caller out; the log reports it. `what` is what the log calls the content.
    """

    def __init__(self, what: str, path: Path, read: Callable[[Path], _Content]) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ValueError: `read` refuses its content.
        """
        self._what = what
        self._path = path
        self._read = read
        self._seen = self._version()
        self._content = read(path)
        self._complained_of: _Version | None = None

    def content(self) -> _Content:
        """Return the content of the file as it is now."""
        version = self._version()
        is_known = version in (self._seen, self._complained_of)
        if not is_known or time_ns() - version[1] <= SETTLED_NS:
            self._read_again(version)
        return self._content

    def _read_again(self, version: _Version) -> None:
        try:
            found = self._read(self._path)
        except (OSError, ValueError) as error:
            if version != self._complained_of:
                reason = error.strerror if isinstance(error, OSError) else error
                _log.warning("%s file=%s unchanged=true error=%s", self._what, self._path, reason)
            self._complained_of = version
            return
        if found != self._content:
            _log.info("%s file=%s reloaded=true", self._what, self._path)
        self._content, self._seen, self._complained_of = found, version, None

    def _version(self) -> _Version:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0, 0)
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
