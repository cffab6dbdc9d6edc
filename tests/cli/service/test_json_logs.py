import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cli.service.json_logs import LONGEST_MESSAGE, log_as_json

log = logging.getLogger("tests.cli.service.json_logs")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Log collectors read a line at a time."""
    log_as_json("info")

    log.info("step job=%s outcome=%s", "4f2a", "passed")

    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "step job=4f2a outcome=passed"
    assert (line["level"], line["logger"]) == ("info", "tests.cli.service.json_logs")
    assert line["at"].endswith("+00:00")


def test_a_line_break_in_a_message_does_not_begin_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Text from a platform must not forge a log line."""
    log_as_json("INFO")

    log.info('server=%s\u2028"', 'x\n{"level": "error"}\x1b[2J' + "x" * 5000)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    message = json.loads(lines[0])["message"]
    assert message.isprintable()
    assert len(message) == LONGEST_MESSAGE + 1


def test_an_exception_is_named_and_placed_but_not_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message of an exception may hold what a caller sent."""
    log_as_json("INFO")

    try:
        int("secret-value-xyz")
    except ValueError:
        log.exception("step outcome=broken")

    written = capsys.readouterr().err
    line = json.loads(written)
    assert (line["error"], line["message"]) == ("ValueError", "step outcome=broken")
    assert "test_json_logs.py:" in line["where"]
    assert "secret-value-xyz" not in written


def test_what_celery_says_of_a_broken_task_is_not_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Celery puts the exception's own words into its message."""
    log_as_json("INFO")

    try:
        int("secret-value-xyz")
    except ValueError as error:
        logging.getLogger("celery.app.trace").exception("Task broke: %r", error)  # noqa: TRY401 -- as it does

    written = capsys.readouterr().err
    assert json.loads(written)["error"] == "ValueError"
    assert "secret-value-xyz" not in written


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """An operator who asked for warnings gets warnings."""
    log_as_json("WARNING")

    log.info("quiet")
    logging.getLogger("httpx").info("quiet")

    assert capsys.readouterr().err == ""


def test_the_audit_is_written_whatever_else_is_left_out() -> None:
    """An operator who wants less of the log does not want less of the record."""
    code = (
        "from cli.service.json_logs import log_as_json; import logging; log_as_json('ERROR');"
        "logging.getLogger('conncheck.audit').info('audit');"
        "logging.getLogger('conncheck.other').info('other')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert [json.loads(line)["message"] for line in ran.stderr.splitlines()] == ["audit"]
