import json
import subprocess
import sys

BEGIN = (
    "from cli.service.process_hardening import *; "
    "from cli.service.json_logs import log_as_json; log_as_json('INFO'); "
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=False
    )


def test_no_core_file_is_left_and_nobody_may_look_into_the_memory() -> None:
    """A key pair that was tested a moment ago would be in it."""
    ran = python(
        "keep_memory_private(); import ctypes, resource;"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )

    assert ran.stdout == "(0, 0) 0\n", ran.stderr  # 3 is PR_GET_DUMPABLE


def test_an_exception_that_nobody_catches_is_logged_without_its_words() -> None:
    """Its message may hold what a caller sent."""
    for code in (
        "log_what_ends_threads(); raise ValueError('hunter2')",
        "log_what_ends_threads(); from threading import Thread\n"
        "def broken(): raise ValueError('hunter2')\n"
        "t = Thread(target=broken); t.start(); t.join()",
    ):
        ran = python(code)
        line = json.loads(ran.stderr)
        assert (line["error"], line["message"]) == ("ValueError", "uncaught exception")
        assert "hunter2" not in ran.stderr
