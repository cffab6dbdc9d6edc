"""The file that says which tokens there are and what each may do; it holds no token."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.products import PRODUCTS
from shared.target_policy import TargetPolicy

_log = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0
STANDARD_PORTS = (80, 443)
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def usual_ports() -> tuple[int, ...]:
    """Return the ports on which the products serve their APIs, and those of HTTP."""
    own = {port for product in PRODUCTS.values() for port in product.ports}
    return tuple(sorted(own | set(STANDARD_PORTS)))


class TokenEntry(BaseModel):
    """A token by its SHA-256, with its tenant and what it may do."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )

    name: str = Field(pattern=_NAME)
    tenant: str = Field(default="", pattern=f"^$|{_NAME}")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[Literal["test", "bulk", "read", "admin"], ...] = ("test", "read")
    tests_per_minute: int | None = Field(default=600, gt=0)
    targets_per_minute: int | None = Field(default=600, gt=0)
    """Distinct hosts and ports: more of them look like a scan."""
    policy: TargetPolicy = Field(default_factory=lambda: TargetPolicy(ports=usual_ports()))
    created_at: AwareDatetime | None = None


class TokenFile(BaseModel):
    """All of them; a name stands in it once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[tuple[TokenEntry, ...], Field(default=())]

    @classmethod
    def read(cls, path: Path) -> "TokenFile":
        """Return what the file at `path` says.

        Raises:
            OSError: it can't be read.
            ValueError: it is no such file; the message repeats nothing of it.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{path}: {place}: {first['msg']}") from None

    def write(self, path: Path) -> None:
        """Put this in the place of what is at `path`, as a whole, readable by its owner alone."""
        text = self.model_dump_json(by_alias=True, indent=2) + "\n"
        with NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
            new.write(text)
        Path(new.name).replace(path)

    def with_token(self, entry: TokenEntry) -> "TokenFile":
        """Return the file with `entry`, in the place of one with the same name."""
        return TokenFile(tokens=(*self.without(entry.name).tokens, entry))

    def without(self, name: str) -> "TokenFile":
        """Return the file without the token `name`."""
        return TokenFile(tokens=tuple(one for one in self.tokens if one.name != name))


class WatchedTokens:
    """The entries of a token file, read again within LOOK_AGAIN_S when it changes.

    A file that can't be read any more changes nothing: nobody is locked out by a typing error,
    and the log says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = TokenFile.read(path).tokens
        self._seen = self._version()
        self._looked_at_s = monotonic()

    def entries(self) -> tuple[TokenEntry, ...]:
        """Return the entries."""
        if monotonic() - self._looked_at_s > LOOK_AGAIN_S:
            self._looked_at_s = monotonic()
            self._look_again()
        return self._entries

    def _look_again(self) -> None:
        try:
            version = self._version()
            if version != self._seen:
                self._entries = TokenFile.read(self._path).tokens
                self._seen = version
                _log.info("tokens file=%s count=%d", self._path, len(self._entries))
        except (OSError, ValueError) as error:
            _log.warning("tokens file=%s error=%s", self._path, error)

    def _version(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


def new_entry(name: str, sha256: str, **what: object) -> TokenEntry:
    """Return an entry that is made now.

    Raises:
        ValueError: a part of it is not valid.
    """
    content = {"name": name, "sha256": sha256, "created_at": datetime.now(UTC), **what}
    return TokenEntry.model_validate({k: v for k, v in content.items() if v is not None})
