"""Keep what this process holds in its memory from outliving it, or from being read by others."""

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
    """Leave no core file, and let no other process of this user read the memory; children may.

    The kernel then gives /proc/PID/environ and mem to root alone, and no debugger can attach.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def share_memory_among_threads() -> None:
    """Let all threads allocate from two arenas; with one each, 200 of them keep what they freed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def log_what_ends_threads() -> None:
    """Log an exception that nobody catches by its type and place, as others are.

    Python would print its message, which may hold what a caller or a platform sent.
    """
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_end_of_thread


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("uncaught", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value and not issubclass(ended.exc_type, SystemExit):
        _log_uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback)
