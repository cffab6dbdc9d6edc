"""What `conncheck doctor` has looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "warning", "failed", "to come"]
"""The last one is what there is nothing to look at for."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    name: str
    state: State
    found: str
    advice: str = ""
