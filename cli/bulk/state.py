"""Keep the results of a bulk run, so that a stopped run can continue. No secret is kept."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import scrypt
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from cli.terminal.exit_status import refuse
from conncheck_client import BatchResult

_VERSION = 2  # 1 knew other rows of the same file
# The digest covers a file with secrets: each guess at one of them costs this much work.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


@dataclass(slots=True)
class BulkState:
    """The open state file: a line about the run, then a line for each result."""

    _file: IO[str]
    path: Path
    run: Mapping[str, Any]
    done: dict[int, BatchResult] = field(default_factory=dict)
    batch_id: str = ""

    @property
    def key(self) -> str:
        """The Idempotency-Key of this run's upload."""
        return str(self.run["key"])

    def keep_result(self, result: BatchResult) -> None:
        """Record the result of one platform."""
        self.done[result.index] = result
        self._write({"result": result.model_dump(mode="json", by_alias=True)})

    def keep_batch(self, batch_id: str) -> None:
        """Record the service's batch of this run."""
        self.batch_id = batch_id
        self._write({"batchId": batch_id})

    def forget(self) -> None:
        """Delete the file: the run is complete."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


def open_state(path: Path, content: bytes, where: str) -> BulkState:
    """Return the state of the run for this `content`; if the content has changed, a new state.

    End the command where another run is using the state file.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    file = os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        refuse(f"another run is using {path}; wait for it, or choose another --output")
    entries = list(_entries(file))
    run = entries[0] if entries else {}
    if not _is_same(run, content, where):
        return _begun(file, path, content, where)
    state = BulkState(file, path, run)
    for entry in entries[1:]:
        _restore(state, entry)
    return state


def _entries(file: IO[str]) -> Iterator[dict[str, Any]]:
    """Yield the entries, up to a line that was cut off when the run was killed."""
    whole = 0
    for line in file.read().splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            break
        if not isinstance(entry, dict) or not line.endswith("\n"):
            break
        whole += len(line.encode())
        yield entry
    file.seek(whole)
    file.truncate()


def _is_same(run: Mapping[str, Any], content: bytes, where: str) -> bool:
    try:
        salt = bytes.fromhex(run["salt"])
        same = (run["version"], run["where"], run["key"] != "") == (_VERSION, where, True)
        return same and bool(run["file"] == _digest(content, salt))
    except (KeyError, TypeError, ValueError):
        return False


def _begun(file: IO[str], path: Path, content: bytes, where: str) -> BulkState:
    salt = os.urandom(16)
    run = {
        "version": _VERSION,
        "where": where,
        "key": os.urandom(16).hex(),
        "salt": salt.hex(),
        "file": _digest(content, salt),
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(run) + "\n")
    file.flush()
    return BulkState(file, path, run)


def _restore(state: BulkState, entry: Mapping[str, Any]) -> None:
    if isinstance(entry.get("batchId"), str):
        state.batch_id = entry["batchId"]
    try:
        result = BatchResult.model_validate(entry["result"])
    except (KeyError, ValidationError):
        return
    state.done[result.index] = result


def _digest(content: bytes, salt: bytes) -> str:
    return scrypt(content, salt=salt, **_SCRYPT).hex()
