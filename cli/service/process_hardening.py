"""Keep this process's memory out of core files and of other processes' reach."""

import ctypes
import logging
import resource
import sys
import threading
from types import TracebackType

_log = logging.getLogger(__name__)

_PR_SET_DUMPABLE = 4  # prctl(2)
_M_ARENA_MAX, _ARENAS = -8, 2  # mallopt(3)


def keep_memory_private() -> None:
    """Write no core file, and let no other process of this user read the memory.

    Only root can then read /proc/PID/environ and mem, and no debugger can attach. Child
    processes are not protected by this.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def share_memory_among_threads() -> None:
    """Let all threads share two arenas; with an arena each, 200 threads keep freed memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def log_what_ends_threads() -> None:
    """Log an uncaught exception by its type and place, like all others.

    Python would print its message, which may contain what a caller or a platform sent.
    """
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_end_of_thread


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value and not issubclass(ended.exc_type, SystemExit):
        _log_uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback)
