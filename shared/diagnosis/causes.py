"""What a cause is: why a step failed, whose it is to mend, and how."""

from dataclasses import dataclass
from typing import Literal

Owner = Literal["caller", "network", "platform", "us"]
Severity = Literal["failed", "warning"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for a failed or doubtful step, declared beside the code that detects it.

    `summary` and `remedies` are templates over the facts of a finding ("{host}", "{port}"); a
    [part in brackets] is left out where one of its facts is unknown, be it a whole remedy. The most
    likely remedy comes first, and there are three at most. shared/translations has the texts in
    other languages.
    `field` names the request field that the caller would have to change, if any.
    """

    code: str
    owner: Owner
    summary: str
    remedies: tuple[str, ...]
    field: str | None = None
    is_rejection: bool = False
    """Whether the platform has judged the key pair and turned it down."""
    severity: Severity = "failed"
