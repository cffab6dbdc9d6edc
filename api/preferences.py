"""Read the Prefer header (RFC 7240)."""

import re
from dataclasses import dataclass

_PREFERENCE = re.compile(r"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*(?:=\s*\"?([^\";,]*)\"?)?[^,]*")
LONGEST_WAIT_S = 300


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller would rather have; None where it did not say."""

    respond_async: bool = False
    wait_s: int | None = None

    @classmethod
    def parse(cls, header: str | None) -> "Preferences":
        """Return the preferences that `header` spells; what is unknown or odd is ignored."""
        named: dict[str, str] = {}
        for part in (header or "").split(","):
            match = _PREFERENCE.fullmatch(part)
            if match:  # RFC 7240 2: the first of equal ones counts
                named.setdefault(match[1].lower(), match[2] or "")
        wait = named.get("wait", "").strip()
        wait_s = min(int(wait), LONGEST_WAIT_S) if re.fullmatch("[0-9]{1,6}", wait) else None
        return cls("respond-async" in named, wait_s)

    @property
    def applied(self) -> str:
        """What Preference-Applied says when the answer is a 202."""
        return f"respond-async, wait={self.wait_s}" if self.wait_s else "respond-async"
