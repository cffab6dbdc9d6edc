"""The result of a check of `conncheck doctor`."""

from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "warning", "failed", "to come"]
"""`to come` means skipped: there is nothing to check."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was checked, what was found, and what to do if it is not in order."""

    name: str
    state: State
    found: str
    advice: str = ""
