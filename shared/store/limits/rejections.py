"""What is remembered of the key pairs that a platform has just rejected, wherever it is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

KEPT_S = 900


@dataclass(frozen=True, slots=True)
class Rejections:
    """What is remembered of an account: when this pair was rejected, and how many others were."""

    of_this_pair_at: datetime | None
    of_other_secrets: int
    cause: str = ""
    """The code of the cause that the pair was rejected with."""

    @property
    def of_this_pair_until(self) -> datetime | None:
        """Until when the rejection of this pair counts."""
        return self.of_this_pair_at and self.of_this_pair_at + timedelta(seconds=KEPT_S)
