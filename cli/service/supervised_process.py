"""Keep one process of conncheck running."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

import typer

from shared.stop_signals import STOP_SIGNALS

RESTART_AFTER_S = 1.0
STOP_S = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def wait_without_threads() -> None:
    """Let asyncio wait for children as it does from Python 3.12 on, where the kernel can.

    Before, it starts a thread for each child after the fork: where no thread is left, the child
    runs on and nobody knows of it.
    """
    if sys.platform == "linux" and sys.version_info < (3, 12) and _has_pidfd():
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def _has_pidfd() -> bool:
    """Return whether a process may be waited for by a descriptor; an old container denies it."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return False
    return True


@dataclass(slots=True)
class Part:
    """A process that can be restarted whenever it dies, until it is stopped."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_up: Callable[[], bool]
    """Whether it is ready; called in a thread during the start."""
    log: TextIO
    """Where its output goes."""
    heeds_stdin: bool = True
    """Whether it stops by itself when its standard input ends, as that does with this process."""
    stop_s: float = STOP_S
    """How long it may take to stop."""
    keeps: Sequence[int] = ()
    """File descriptors of this process that stay open as long as it runs."""
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _keeping: asyncio.Task[None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Start the process in its own session, so that Ctrl-C reaches only the parent."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            env=dict(self.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            pass_fds=self.keeps,
            preexec_fn=None if self.heeds_stdin else _die_with(os.getpid()),
        )

    @property
    def exit_status(self) -> int | None:
        """The exit status, None while the process runs."""
        return self._process.returncode if self._process else None

    def keep_running(self) -> None:
        """From now on, restart the process when it ends."""
        self._keeping = asyncio.create_task(self._keep_running())

    async def _keep_running(self) -> None:
        while self._process:
            status = await self._process.wait()
            with suppress(OSError):  # whoever read it may be gone
                typer.echo(
                    f"conncheck: {self.name} ended (status {status}); restarting it", err=True
                )
            await asyncio.sleep(RESTART_AFTER_S)
            # No memory, or no thread left to wait for it: the next round tries again.
            with suppress(OSError, RuntimeError):
                await self.start()

    async def stop(self) -> None:
        """Stop the process with SIGTERM, and after `stop_s` with SIGKILL."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(self.stop_s):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _die_with(parent: int) -> Callable[[], None]:
    """Return a function that ends the child when the process `parent` ends; Linux only."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # `up` holds them for itself
        if prctl:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the prctl
            os._exit(0)

    return prepare
