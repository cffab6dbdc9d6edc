"""Write every log line as one JSON object on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime

from shared.text import printable

LONGEST_MESSAGE = 2000


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(_message(record), LONGEST_MESSAGE),
        }
        fields: dict[str, object] = getattr(record, "fields", {})
        line |= {name: printable(value) for name, value in fields.items()}
        if record.exc_info and record.exc_info[0]:
            # The type and the place, never the message, which may contain what a caller sent.
            line["error"] = record.exc_info[0].__name__
            line["where"] = _innermost_line(record)
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    if record.exc_info and record.name.startswith("celery"):
        return "a task failed"  # Celery would include the exception's message
    return record.getMessage()


def _innermost_line(record: logging.LogRecord) -> str:
    traceback = record.exc_info[2] if record.exc_info else None
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    if not traceback:
        return ""
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def log_as_json(level: str) -> None:
    """Send all logging of this process through the one formatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("conncheck.audit").setLevel(logging.INFO)  # at every log level
    for wordy in ("celery.worker.strategy", "celery.app.trace", "httpx"):
        logging.getLogger(wordy).setLevel(logging.WARNING)  # our own line for each step is enough
