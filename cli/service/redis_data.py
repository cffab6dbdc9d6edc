"""Tell whether a Redis server can read what another one wrote into a data directory."""

import re
from pathlib import Path

from shared.store.redis_release import RedisRelease

_DIRECTORY = "appendonlydir"
_FIRST_WITH_DIRECTORY = (7, 0)  # 6.2 has one file, and would begin an empty one beside it
_BASE = re.compile(r"^file (\S+) seq \d+ type b$", re.MULTILINE)
_FORMAT = re.compile(rb"(REDIS|VALKEY)(\d+)")
_LONGEST_FORMAT = 9  # bytes: REDIS0011, VALKEY080
# The newest RDB format that each series reads, where it is known (RDB_VERSION in its rdb.h); newer
# ones say for themselves that they can't read a file.
_REDIS_READS = {(7, 0): 10, (7, 2): 11, (7, 4): 12}
# Redis has gone on from 12 for itself; Valkey 9 refuses those, and begins its own at 80.
_VALKEY_READS_OF_REDIS = 11
_FIRST_WITH_OWN_FORMAT = (9, 0)


def why_unreadable(release: RedisRelease, data_dir: Path) -> str | None:
    """Return why a server of `release` must not be started on `data_dir`; None where it may be.

    Redis itself would advise to cut the file off where it does not understand it any more, and 6.2
    would begin without any job.
    """
    if not (data_dir / _DIRECTORY).exists() or release.series is None:
        return None
    found = _format_of(data_dir / _DIRECTORY)
    if _reads(release, release.series, found):
        return None
    return (
        f"{release} can't read the jobs in {data_dir}: another Redis or Valkey wrote them "
        f"({found or 'in several files'}). Nothing is lost: put that server first on the PATH, "
        "or give another --data-dir"
    )


def _format_of(directory: Path) -> str:
    """Return the format of the file that all others are changes to, empty where it has none."""
    for manifest in directory.glob("*.manifest"):
        base = _BASE.search(manifest.read_text())
        if base and (directory / base[1]).exists():
            with (directory / base[1]).open("rb") as content:
                found = _FORMAT.match(content.read(_LONGEST_FORMAT))
            return found[0].decode() if found else ""
    return ""


def _reads(release: RedisRelease, series: tuple[int, int], found: str) -> bool:
    if release.maker == "Redis" and series < _FIRST_WITH_DIRECTORY:
        return False
    if not found:
        return True
    if found.startswith("VALKEY"):
        return release.maker == "Valkey" and series >= _FIRST_WITH_OWN_FORMAT
    number = int(found.removeprefix("REDIS"))
    newest = _VALKEY_READS_OF_REDIS if release.maker == "Valkey" else _REDIS_READS.get(series)
    return newest is None or number <= newest
