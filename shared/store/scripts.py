"""Name a script by its digest, so that its text is sent only where Redis does not have it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any


@dataclass(frozen=True, slots=True)
class Script:
    """A script for `RoundTrips`, which loads it into a Redis that does not know it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)
        SCRIPTS.append(self)

    def queue(self, pipe: Any, keys: Sequence[str], arguments: Sequence[str | float]) -> None:
        """Queue one command, which runs the script."""
        pipe.evalsha(self.digest, len(keys), *keys, *arguments)


SCRIPTS: list[Script] = []
"""All of them."""
