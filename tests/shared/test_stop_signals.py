import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from shared.stop_signals import STOP_SIGNALS
from tests.running.service import children_of

BEGIN = """
import os, signal, sys, threading
from shared.stop_signals import *
def tell(text): os.write(1, text.encode() + b"\\n")  # at once: two threads tell
def say(): tell("told to stop")
hold_stop_signals()
"""
READY = """
on_stop_signal(say, 60)
tell("ready")
sys.stdin.read()
"""


@contextmanager
def running(code: str, inside: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """Run Python code after BEGIN, and leave no process behind."""
    command = [*inside, sys.executable, "-c", BEGIN + code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_thousand_signals_of_all_kinds_are_one() -> None:
    """The kernel sends one for each thread of a parent that dies; a person may send many."""
    with running(READY) as process:
        assert line(process) == "ready"
        for _ in range(334):
            for number in STOP_SIGNALS:
                process.send_signal(number)
        assert line(process) == "told to stop"
        said, _ = process.communicate(timeout=30)  # which ends its input

    assert said == ""
    assert process.returncode == 0


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_each_kind_stops_it(number: signal.Signals) -> None:
    """Scripts send SIGTERM, a terminal SIGINT, SIGQUIT or, when it closes, SIGHUP."""
    with running(READY) as process:
        assert line(process) == "ready"
        process.send_signal(number)

        assert line(process) == "told to stop"


def test_a_signal_that_comes_while_it_starts_is_not_missed() -> None:
    """It would serve on with nobody left who thinks that it does."""
    with running("os.kill(os.getpid(), signal.SIGTERM)" + READY) as process:
        assert {line(process), line(process)} == {"ready", "told to stop"}


def test_no_other_handler_is_run() -> None:
    """Celery's waits for itself when a signal comes while it runs."""
    code = "signal.signal(signal.SIGTERM, lambda *_: print('other', flush=True))"
    with running(code + READY) as process:
        assert line(process) == "ready"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "told to stop"
        said, _ = process.communicate(timeout=30)

    assert said == ""


def test_closing_the_terminal_stops_it_unless_it_is_to_outlive_that() -> None:
    """`nohup` has SIGHUP ignored, and Celery would have it start the worker anew."""
    code = "signal.signal(signal.SIGHUP, lambda *_: print('other', flush=True))"
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(READY.replace("tell", f"{code}\ntell", 1)) as process:
            assert line(process) == "ready"
            process.send_signal(signal.SIGHUP)
            said, _ = process.communicate(timeout=30)  # which ends its input
    finally:
        signal.signal(signal.SIGHUP, ignored)

    assert said == ""
    assert process.returncode == 0


HANGS = """
import ctypes
lock = threading.Lock()
lock.acquire()
on_stop_signal({hang}, 0)
print("ready", flush=True)
lock.acquire()
"""
IN_PYTHON = HANGS.format(hang="lock.acquire")
IN_C = HANGS.format(hang="lambda: ctypes.PyDLL(None).sleep(1000)")


@pytest.mark.parametrize("hang", [IN_PYTHON, IN_C], ids=["in Python", "with all of Python held"])
def test_what_hangs_is_ended(hang: str) -> None:
    """Whatever it hangs in."""
    with running(hang) as process:
        assert line(process) == "ready"
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 1


AS_FIRST = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def test_what_hangs_as_the_first_process_of_a_container_is_ended() -> None:
    """The kernel keeps signals from it that it has no handler for."""
    if not shutil.which("unshare") or subprocess.run([*AS_FIRST, "true"]).returncode:
        pytest.skip("this machine allows no process namespaces")
    with running(IN_PYTHON, AS_FIRST) as process:
        assert line(process) == "ready"
        (first,) = children_of(process.pid)
        os.kill(first, signal.SIGTERM)

        assert process.wait(60) == 1


def test_the_end_of_standard_input_is_a_stop_signal() -> None:
    """The kernel closes the other end with the process that holds it, however that ends."""
    reads, writes = os.pipe()
    command = [
        sys.executable,
        "-c",
        BEGIN + READY.replace("sys.stdin.read()", "stop_with_stdin()") + "threading.Event().wait()",
    ]
    with subprocess.Popen(command, stdin=reads, stdout=subprocess.PIPE, text=True) as process:
        os.close(reads)
        assert line(process) == "ready"
        os.close(writes)
        told = line(process)
        process.kill()

    assert told == "told to stop"
