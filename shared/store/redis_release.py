"""Tell which Redis or Valkey a server is, and until when its project supports it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Maker = Literal["Redis", "Valkey"]

# The day on which the security fixes end, for each series where it is announced. From redis.io,
# "Redis Open Source version management", and valkey.io/topics/releases, as endoflife.date had them
# on 2026-08-22. Valkey's policy is three years from a minor release, which gives 9.1's.
_UNSUPPORTED_FROM: Mapping[tuple[Maker, tuple[int, int]], date] = {
    ("Redis", (6, 0)): date(2022, 5, 31),
    ("Redis", (6, 2)): date(2027, 4, 1),
    ("Redis", (7, 0)): date(2024, 7, 29),
    ("Redis", (7, 2)): date(2029, 12, 1),
    ("Redis", (7, 4)): date(2029, 12, 1),
    ("Redis", (8, 0)): date(2026, 12, 1),
    ("Redis", (8, 2)): date(2030, 9, 1),
    ("Valkey", (7, 2)): date(2029, 4, 16),
    ("Valkey", (8, 0)): date(2027, 9, 15),
    ("Valkey", (8, 1)): date(2030, 3, 31),
    ("Valkey", (9, 0)): date(2028, 10, 21),
    ("Valkey", (9, 1)): date(2029, 5, 19),
}
_SERVER = re.compile(r"(Redis|Valkey) server v=(\S+)")
_SERIES = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class RedisRelease:
    """Whose server it is, and its version as it says it itself."""

    maker: Maker
    version: str

    def __str__(self) -> str:
        return f"{self.maker} {self.version}"

    @property
    def series(self) -> tuple[int, int] | None:
        """The first two numbers of the version; None where it has no such numbers."""
        found = _SERIES.match(self.version)
        return (int(found[1]), int(found[2])) if found else None

    def unsupported_since(self, today: date) -> date | None:
        """Return when the support ended; None while it lasts, or where no end is announced."""
        end = _UNSUPPORTED_FROM.get((self.maker, self.series)) if self.series else None
        return end if end and end <= today else None


def release_in(said: str) -> RedisRelease | None:
    """Return the release that a server's `--version` names."""
    found = _SERVER.search(said)
    return RedisRelease("Valkey" if found[1] == "Valkey" else "Redis", found[2]) if found else None


def release_of(info: Mapping[str, Any]) -> RedisRelease:
    """Return the release that a server's INFO names."""
    # Valkey's redis_version is the 7.2.4 that it began from, for clients that look.
    if "valkey_version" in info:
        return RedisRelease("Valkey", str(info["valkey_version"]))
    return RedisRelease("Redis", str(info.get("redis_version", "?")))
