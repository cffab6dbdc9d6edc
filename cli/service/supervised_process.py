"""Keep one process of conncheck running."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import typer

RESTART_AFTER_S = 1.0
STOP_S = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(slots=True)
class Part:
    """A process, which can be started again whenever it dies, until it is stopped."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_up: Callable[[], bool]
    """Whether it does its work; asked in a thread while everything starts."""
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _keeping: asyncio.Task[None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Start the process, in a session of its own so that Ctrl-C reaches the parent alone."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )

    @property
    def exit_status(self) -> int | None:
        """The exit status, None while the process runs."""
        return self._process.returncode if self._process else None

    def keep_running(self) -> None:
        """From now on, start the process again when it ends."""
        self._keeping = asyncio.create_task(self._keep_running())

    async def _keep_running(self) -> None:
        while self._process:
            status = await self._process.wait()
            typer.echo(
                f"conncheck: {self.name} ended (status {status}); starting it again", err=True
            )
            await asyncio.sleep(RESTART_AFTER_S)
            with suppress(OSError):  # no memory, say: what is dead is found dead again
                await self.start()

    async def stop(self) -> None:
        """End the process: politely, and after STOP_S for good."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end with its parent, were that killed; Linux alone has it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
