"""Read the Prefer header (RFC 7240)."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header

_UNQUOTED = r"[A-Za-z0-9!#$%&'*+.^_`|~-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PREFERENCE = re.compile(rf"\s*({_UNQUOTED})\s*(?:=\s*({_UNQUOTED}|{_QUOTED})?\s*)?(?:;.*)?")
# A quote that is never closed ends with the line.
_BETWEEN_COMMAS = re.compile(rf'(?:[^",]|{_QUOTED}?)++')
LONGEST_WAIT_S = 300

Prefer = Annotated[list[str] | None, Header(description="respond-async, wait=N (RFC 7240)")]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller prefers; None where the header does not say."""

    respond_async: bool = False
    wait_s: int | None = None

    @classmethod
    def parse(cls, *lines: str) -> "Preferences":
        """Return the preferences in the header's lines; unknown or malformed ones are ignored."""
        named: dict[str, str] = {}
        for part in (part for line in lines for part in _BETWEEN_COMMAS.findall(line)):
            match = _PREFERENCE.fullmatch(part)
            if match:  # RFC 7240 2: the first of equal ones counts
                named.setdefault(match[1].lower(), match[2] or "")
        wait = named.get("wait", "").strip('" ')
        wait_s = min(int(wait), LONGEST_WAIT_S) if re.fullmatch("[0-9]{1,6}", wait) else None
        return cls("respond-async" in named, wait_s)

    @property
    def at_once(self) -> bool:
        """Whether the caller does not want to wait for a verdict."""
        return self.respond_async and not self.wait_s

    @property
    def applied(self) -> str:
        """The value of Preference-Applied for a 202."""
        return f"respond-async, wait={self.wait_s}" if self.wait_s else "respond-async"
