"""Run the real command, with pipes or on a terminal of its own."""

import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = str(Path(sys.executable).parent / "conncheck")
LOOPBACK = ("--allow-network", "127.0.0.0/8")
SECRET_KEY = "hunter2-hunter2"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ROWS, COLUMNS = 40, 100


def environment(**settings: str) -> Mapping[str, str]:
    """Return an environment with nothing but `settings` and what any program needs."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    nowhere = {"XDG_CONFIG_HOME": "/nonexistent"}  # else a login of the developer would count
    return {**inherited, **nowhere, "LANG": "C.UTF-8", **settings}


def conncheck(
    *arguments: str, stdin: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Return how the command ended, and what it wrote."""
    return subprocess.run(
        [COMMAND, *arguments],
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@dataclass
class Terminal:
    """A command on a terminal of its own, as seen and typed at by its user."""

    process: subprocess.Popen[bytes]
    _fd: int
    shown: str = ""
    """All that was ever written to the terminal, escapes included."""

    def wait_for(self, text: str, within_s: float = 30) -> None:
        """Return when `text` has been shown."""
        give_up_at_s = time.monotonic() + within_s  # noqa: TID251 -- to end what hangs
        while text not in COLOURS.sub("", self.shown):
            assert time.monotonic() < give_up_at_s, self.shown  # noqa: TID251
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        """Type `text` at the keyboard."""
        os.write(self._fd, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def ended(self) -> int:
        """Return the exit status once the command has ended, with all of it read."""
        while self._read():
            pass
        return self.process.wait(30)

    @property
    def text(self) -> str:
        """What was shown, without colours."""
        return COLOURS.sub("", self.shown)

    def _read(self) -> bool:
        readable, _, _ = select.select([self._fd], [], [], 30)
        assert readable, self.shown
        try:
            content = os.read(self._fd, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.shown += content.decode(errors="replace")
        return bool(content)


@contextmanager
def terminal(*arguments: str, **settings: str) -> Iterator[Terminal]:
    """Run the command on a terminal while the block runs."""
    outer, inner = os.openpty()
    termios.tcsetwinsize(inner, (ROWS, COLUMNS))
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env={"TERM": "xterm-256color", **environment(**settings)},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        preexec_fn=lambda: os.login_tty(inner),  # so that Ctrl-C is a signal, and /dev/tty is it
    )
    os.close(inner)
    try:
        yield Terminal(process, outer)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(outer)
