"""What is remembered of the key pairs that a platform has just rejected, wherever it is kept."""

from dataclasses import dataclass
from datetime import datetime

KEPT_S = 900


@dataclass(frozen=True, slots=True)
class Rejections:
    """What is remembered of an account: until when, and how many of its secrets were rejected."""

    of_this_pair_until: datetime | None
    of_other_secrets: int
