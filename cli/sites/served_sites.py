"""Show the sites of a running service, one a line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.text import printable

if TYPE_CHECKING:
    from conncheck_client import Site


def site_lines(site: "Site") -> Iterator[str]:
    """Yield a line for a site, and one below it for each note."""
    workers = ",".join(f"{queue}:{count}" for queue, count in site.workers.items())
    parts = {
        "title": site.title if site.title != site.name else "",
        "workers": workers,
        "versions": ",".join(site.versions),
        "waiting": str(site.waiting),
        "running": str(site.running),
        "egress": ",".join(site.egress),
        "lastSeen": site.last_seen.isoformat(timespec="seconds") if site.last_seen else "",
    }
    shown = (f"{name}={quoted(value)}" for name, value in parts.items() if value)
    yield printable(" ".join([site.name, *shown]))
    for note in site.notes:
        yield printable(f"  {note.code}: {note.text}")


def quoted(value: str) -> str:
    """Return a value as it stands behind `name=`."""
    return f'"{value}"' if " " in value else value
