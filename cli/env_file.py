"""A file of NAME=VALUE lines that the parts of the service are started with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.terminal.exit_status import refuse


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The lines of a file as they were when it was read; a command ends if it can't be."""

    path: Path
    _lines: tuple[str, ...]

    @classmethod
    def at(cls, path: Path) -> "EnvFile":
        """Read the file."""
        try:
            return cls(path, tuple(path.read_text().splitlines()))
        except OSError as error:
            refuse(f"{path}: {error.strerror}")

    def value(self, name: str) -> str:
        """Return the value of `name`, empty if it has none."""
        found = [line.partition("=")[2] for line in self._lines if line.partition("=")[0] == name]
        return found[-1].strip().strip("\"'") if found else ""

    def values(self, name: str) -> tuple[str, ...]:
        """Return the comma separated values of `name`."""
        return tuple(part.strip() for part in self.value(name).split(",") if part.strip())

    def write(self, changed: Mapping[str, str]) -> None:
        """Replace the file atomically by one with the changed values."""
        kept = [line for line in self._lines if line.partition("=")[0] not in changed]
        from shared.json_file import replace_file  # pydantic; --help needs none of it

        text = "\n".join([*kept, *(f"{name}={value}" for name, value in changed.items()), ""])
        try:
            replace_file(self.path, text)
        except OSError as error:
            refuse(f"{self.path}: {error.strerror}")
