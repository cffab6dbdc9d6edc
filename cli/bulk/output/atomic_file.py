"""Write a file that nobody sees half-written."""

import os
import tempfile
from pathlib import Path

from cli.terminal.exit_status import refuse


def replace_file(option: str, path: Path, content: bytes) -> None:
    """Replace the file atomically; only the user can read it. End the command if it can't be done.

    `option` is the one that names the file.
    """
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        refuse(f"{option}: {path}: {error.strerror}")
