"""Start programs that are not Python's, and stop them by their own handle."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.process import stop


class MissingError(Exception):
    """Raised where a program or a right is missing that a measurement needs."""


def program(name: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        MissingError: it is not installed.
    """
    found = _found(name)
    if found is None:
        raise MissingError(f"{name} is not installed (Debian: apt-get install {package})")
    return found


def is_installed(name: str) -> bool:
    """Return whether there is a program of that name."""
    return _found(name) is not None


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


@contextmanager
def program_running(
    command: Sequence[str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs.

    Its standard input ends when this process does, however that comes about.
    """
    output = log.open("wb") if log else None
    process = subprocess.Popen(  # noqa: S603 -- no shell
        command, stdin=subprocess.PIPE, stdout=output, stderr=output
    )
    try:
        yield process
    finally:
        stop(process)
        if output:
            output.close()
