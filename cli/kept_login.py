"""Keep the server and the token of `conncheck login` in a file that only this user can read."""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cli.terminal.exit_status import refuse

_LONGEST_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Login:
    """A service, and how it is signed in to."""

    server: str
    token: str = field(repr=False)
    ca_file: Path | None = None

    def is_at(self, server: str) -> bool:
        """Return whether it is the login at `server`: no other may see the token."""
        return self.server.rstrip("/") == server.rstrip("/")


def login_file() -> Path:
    """Return the file, as the XDG Base Directory Specification has it."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or _home() / ".config"
    return Path(configuration) / "conncheck" / "login.json"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user ID without a name, as containers have, and no HOME
        return Path("/")


def kept_login() -> Login | None:
    """Return the login that was kept; end the command if others may have read or changed it."""
    path = login_file()
    try:
        with path.open() as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                refuse(f"{path} is open to others: run `chmod 600 {path}`, and renew the token")
            kept = json.loads(file.read(_LONGEST_BYTES))
        ca_file = Path(kept["caFile"]) if kept["caFile"] else None
        return Login(str(kept["server"]), str(kept["token"]), ca_file)
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        refuse(f"{path} is damaged: run `conncheck login` again")


def keep_login(login: Login) -> Path:
    """Write the file whole, or not at all, and return its path; end the command where it can't be.

    It is new, so it has its mode before anything is in it.
    """
    path = login_file()
    unfinished = path.with_suffix(".new")
    kept = {"server": login.server, "token": login.token, "caFile": None}
    if login.ca_file:
        kept["caFile"] = str(login.ca_file.absolute())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(json.dumps(kept))
        unfinished.replace(path)
    except OSError as error:
        refuse(f"{error.filename or path}: {error.strerror}")
    return path


def forget_login() -> bool:
    """Delete the file, and return whether there was one; end the command where it can't be."""
    path = login_file()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    return True
