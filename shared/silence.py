"""The silence after which a worker is given up: that of a site near Redis, or far from it."""

from dataclasses import dataclass
from math import ceil
from typing import Final, Self

from shared.site_name import DEFAULT_SITE

LOOK_S: Final = 0.5
"""How often the API looks for silent workers."""
NEAR_S: Final = 4.0
"""Of the site `default`, whose workers are next to Redis."""
FAR_S: Final = 30.0
"""Of other sites, whose connection may be cut for 20 s without any harm."""
LEAST_S: Final = 3.0
LONGEST_S: Final = 600.0
_LOOKED_FOR_S = 2.0
_LOOKED_FOR = 1 / 6  # of a longer silence


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a worker of a site gives no sign of life until it counts as dead."""

    seconds: float

    @classmethod
    def of(cls, site: str) -> Self:
        """Return that of a site for which nothing else is declared."""
        return cls(NEAR_S if site == DEFAULT_SITE else FAR_S)

    @property
    def sign_ms(self) -> int:
        """How long a sign of life lasts; also that for a queue: until then, jobs are accepted."""
        return round((self.seconds - self._looked_for_s) * 1000)

    @property
    def looks(self) -> int:
        """How many looks in a row must then find no sign; the store took a write at each of them.

        They cover a store that was away or refused writes: the signs have expired meanwhile, and
        the workers need a moment to connect and to send new ones. Looks are counted and not
        seconds: the process that looks may have been frozen while nobody could write.
        """
        return ceil(self._looked_for_s / LOOK_S) + 1

    @property
    def _looked_for_s(self) -> float:
        return max(_LOOKED_FOR_S, self.seconds * _LOOKED_FOR)
