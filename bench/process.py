"""Start processes, look at what they cost, and stop them by their own handle."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

STOP_S = 30
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    command: Sequence[str], settings: Mapping[str, str] | None = None, log: IO[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python command line with nothing but `settings` set, and stop it at the end."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 -- our own programs, no shell
        [sys.executable, *command],
        env={**inherited, **(settings or {})},
        stdin=subprocess.PIPE,  # a target ends when its standard input does
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    """End a process: politely, and after STOP_S seconds for good."""
    process.terminate()
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the line by which a process says that it is ready; empty if it ended."""
    return process.stdout.readline().strip() if process.stdout else ""


def children_of(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    """Return a process's command line, nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment_of(pid: int) -> dict[str, str]:
    """Return what was set for a process of ours when it was started."""
    settings = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(setting.split("=", 1) for setting in settings if "=" in setting)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that all threads of a process have used, in steps of a tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime of proc(5)


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(
        int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS:")
    )
