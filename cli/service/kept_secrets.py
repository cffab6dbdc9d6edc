"""What `conncheck up` makes at its first start and keeps for the next: its keys and its token."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from shared.sealing import new_key_pair, public_key_of
from shared.signing import new_signing_pair, verification_key_of

_TOKEN = re.compile(r"[\w-]{20,200}", re.ASCII)


class NotKeptError(Exception):
    """Raised when a file holds something else than what was kept in it."""


def kept_key_pair(path: Path) -> tuple[str, str]:
    """Return the keys of the last start, so that jobs queued before can still be opened.

    Raises:
        NotKeptError: the file holds no key.
        OSError: it can't be read or written.
    """
    return _kept_pair(path, new_key_pair, public_key_of)


def kept_signing_pair(path: Path) -> tuple[str, str]:
    """Return the keys of the last start, so that jobs queued before are still recognized.

    Raises:
        NotKeptError: the file holds no key.
        OSError: it can't be read or written.
    """
    return _kept_pair(path, new_signing_pair, verification_key_of)


def _kept_pair(
    path: Path, new: Callable[[], tuple[str, str]], public_of: Callable[[str], str]
) -> tuple[str, str]:
    private_key = _kept(path, lambda: new()[0])
    try:
        return private_key, public_of(private_key)
    except ValueError:
        raise NotKeptError(f"{path} has no valid key; delete it to create a new one") from None


def kept_token(path: Path) -> str:
    """Return the token of the last start: it is in scripts and in the browser's forms.

    Raises:
        NotKeptError: the file holds no token.
        OSError: it can't be read or written.
    """
    token = _kept(path, lambda: secrets.token_urlsafe(24))
    if not _TOKEN.fullmatch(token):
        raise NotKeptError(f"{path} has no valid token; delete it to create a new one")
    return token


def _kept(path: Path, new: Callable[[], str]) -> str:
    """Return what `path` holds; write something new, readable only by this user, if there is none.

    A start that is killed meanwhile leaves nothing half-written.
    """
    if not path.exists():
        (unfinished := path.with_suffix(".new")).unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(new())
        unfinished.replace(path)
    return path.read_text().strip()
