"""Run a real platform from its own environment, as a process that tells when it is ready."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STOP_S = 20


def python_of(name: str) -> Path:
    """Return the Python of the environment `name`; the test is skipped where it is not there."""
    python = ROOT / f".venv-{name}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no .venv-{name}; `make test-products` makes it")
    return python


@contextmanager
def own_server(name: str, directory: Path) -> Iterator[Mapping[str, Any]]:
    """Run serve_NAME.py in `directory` while the block runs; gives what it says when it is ready.

    Its log is in the directory, and it is stopped by its process id.
    """
    script = Path(__file__).with_name(f"serve_{name}.py")
    with (directory / "log").open("w") as log:
        server = subprocess.Popen(
            [python_of(name), script, directory],
            cwd=directory,
            env={"PATH": "/usr/bin:/bin", "HOME": str(directory)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield _first_words(server, directory)
        finally:
            server.terminate()
            server.wait(STOP_S)


def _first_words(server: "subprocess.Popen[str]", directory: Path) -> Mapping[str, Any]:
    assert server.stdout
    for line in server.stdout:
        if line.startswith("ready "):
            said: Mapping[str, Any] = json.loads(line.removeprefix("ready "))
            return said
    raise AssertionError((directory / "log").read_text()[-3000:])
