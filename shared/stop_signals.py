"""Act once, and in one place, on the signals that stop a process, however many of them come."""

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
MARGIN_S = 5.0
"""What a process may take to end beyond the time that it was given to finish its work."""


def hold_stop_signals() -> None:
    """Let no stop signal interrupt this thread, or any that is started from now on.

    A handler runs in the middle of whatever the main thread does, and is itself interrupted by
    the next signal: one that asks for a lock that it interrupted waits for itself for ever, as
    Celery's do. So no handler of anybody's is run; `on_stop_signal` takes the signals instead.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def on_stop_signal(stop: Callable[[], None], within_s: float) -> None:
    """Call `stop`, from a thread of its own, at the first stop signal; later ones change nothing.

    `within_s` and MARGIN_S later the process ends with status 1 if it still exists.
    """
    heeded = STOP_SIGNALS - _ignored_by_nohup()

    def wait() -> None:
        signal.sigwait(heeded)
        _exit_whatever_hangs(within_s + MARGIN_S)
        stop()

    Thread(target=wait, name="stop signals", daemon=True).start()


def _ignored_by_nohup() -> frozenset[signal.Signals]:
    """Return SIGHUP where whoever started this process wants it to outlive the terminal."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return frozenset({signal.SIGHUP} if is_ignored else ())


def _exit_whatever_hangs(after_s: float) -> None:
    """End this process in so many seconds, from a thread that needs no lock of Python's.

    The default action of a signal, such as SIGALRM's, would not end process 1 of a container. The
    traceback goes nowhere, since standard error may be what hangs.
    """
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115 -- for as long as the process lives
    faulthandler.dump_traceback_later(after_s, exit=True, file=nowhere)


def exit_after(seconds: float) -> None:
    """End this process in so many seconds, without a look at what is still at work."""
    time.sleep(seconds)
    os._exit(0)


def stop_with_stdin() -> None:
    """Take the end of standard input for a stop signal: whoever held its other end has ended."""

    def read() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=read, name="standard input", daemon=True).start()
