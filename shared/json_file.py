"""JSON files of the operator: read strictly, replaced atomically."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel


class FilePart(BaseModel):
    """A part of a file, in camel case there; a mistyped name is refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )


class JsonFile(FilePart):
    """The content of a whole file."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the content of the file at `path`.

        Raises:
            OSError: it cannot be read.
            ValueError: its content is not valid; the message does not repeat any of it.
        """
        content = path.read_bytes()
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {place}: {first['msg']}")

    def write(self, path: Path) -> None:
        """Replace the file at `path` by one with this content, as `replace_file` does."""
        text = self.model_dump_json(by_alias=True, indent=2, exclude_defaults=True) + "\n"
        replace_file(path, text)


def replace_file(path: Path, text: str) -> None:
    """Replace the file at `path` atomically; where that fails, nothing of `text` is left.

    A new file is readable only by its owner; an existing one keeps its owner and its mode.

    Raises:
        OSError: it can't be replaced.
    """
    with NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            _keep_owner(path, new.fileno())
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


def _keep_owner(path: Path, new: int) -> None:
    """Give the file `new` the owner and the mode of the one at `path`, if there is one."""
    with suppress(FileNotFoundError):
        old = path.stat()
        os.fchmod(new, old.st_mode & 0o777)
        # Only root can change an owner, and only for root would the owner differ.
        with suppress(PermissionError):
            os.fchown(new, old.st_uid, old.st_gid)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep others from changing the file at `path` while the block runs."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
