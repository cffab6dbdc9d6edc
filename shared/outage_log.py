"""Log once that another part is away, and once that it is back, however often it is asked."""

from dataclasses import dataclass
from logging import Logger


@dataclass(slots=True)
class OutageLog:
    """What the log knows of one thing that may be away, such as a connection."""

    _log: Logger
    _what: str
    _is_away: bool = False

    def away(self, why: object) -> None:
        """Say that it is away, and `why`, unless that was said."""
        if not self._is_away:
            self._log.warning("%s error=%s", self._what, why)
        self._is_away = True

    def back(self) -> None:
        """Say that it is back, if it was away."""
        if self._is_away:
            self._log.info("%s outcome=back", self._what)
        self._is_away = False
