"""Tell what the certificates say that a host has shown, as the flat facts of a step."""

from collections.abc import Sequence

from shared.outcomes import Fact
from worker.certificate import fingerprint, read_certificate

MOST_SHOWN = 10


def facts_of_chain(chain: Sequence[bytes]) -> dict[str, Fact]:
    """Return what the first MOST_SHOWN certificates say, each name with its place before it."""
    found: dict[str, Fact] = {"certificates": len(chain)}
    for n, der in enumerate(chain[:MOST_SHOWN]):
        found |= {f"{n}.{name}": fact for name, fact in _facts(der).items()}
    return found


def _facts(der: bytes) -> dict[str, Fact]:
    try:
        return read_certificate(der).facts
    except ValueError:
        return {"sha256": fingerprint(der)}  # a pin compares bytes, and needs nothing else
