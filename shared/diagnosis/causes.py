"""The definition of a cause: why a step failed, who can fix it, and how."""

from dataclasses import dataclass
from typing import Literal

Owner = Literal["caller", "network", "platform", "us"]
Severity = Literal["failed", "warning"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for a failed or doubtful step, declared beside the code that detects it.

    `summary` and `remedies` are templates over the facts of a finding ("{host}", "{port}"); a [part
    in brackets] is left out if one of its facts is unknown, and of [one|another] the first is told
    that is known; a whole remedy can be such a part. The most likely remedy comes first, and there
    are three at most. shared/diagnosis/translations has
    the texts in other languages. `field` names the request field that the caller would have to
    change, if any.
    """

    code: str
    owner: Owner
    summary: str
    remedies: tuple[str, ...]
    field: str | None = None
    is_rejection: bool = False
    """Whether the platform has judged the key pair and rejected it."""
    severity: Severity = "failed"

    @property
    def is_policy(self) -> bool:
        """Whether this service or a limit of it forbids the test: the platform is not to blame."""
        return self.code.startswith("policy.")

    @property
    def is_of_comparison(self) -> bool:
        """Whether it is what a comparison of sites finds, and no step of a test."""
        return self.code.startswith("sites.")
