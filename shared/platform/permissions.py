"""Tell which of the permissions that a management platform needs a key pair has."""

from collections.abc import Sequence

from shared.diagnosis.causes import Cause
from shared.platform.key_pair import DENIED
from shared.diagnosis.outcomes import Failed, Finding, Passed

PARTIAL = Cause(
    code="authz.partial",
    owner="platform",
    severity="warning",
    summary="The key pair is right, but it lacks {lacks}",
    remedies=("Grant the key's owner {lacks}; managing the platform needs it.",),
    field="accessKey",
)


def permissions(have: Sequence[str], lack: Sequence[str]) -> Passed[None]:
    """Return the table of what the key pair may do, with a warning where it lacks anything.

    Raises:
        Failed: DENIED, it may do nothing of it.
    """
    if lack and not have:
        raise Failed(DENIED, api=", ".join(lack), lack=tuple(lack))
    warnings = [Finding(PARTIAL, {"lacks": ", ".join(lack)})] if lack else []
    return Passed(None, *warnings, have=tuple(have), lack=tuple(lack))
