"""Report which of the permissions that a management platform needs a key pair has."""

from collections.abc import Sequence

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.keys.key_pair import DENIED

PARTIAL = Cause(
    code="authz.partial",
    owner="platform",
    severity="warning",
    summary="The key pair is correct, but it lacks {lacks}",
    remedies=(
        "Grant the owner of the key {lacks}[, by {granted_by}]; managing the platform needs it.",
    ),
    field="accessKey",
)


def permissions(have: Sequence[str], lack: Sequence[str], granted_by: str = "") -> Passed[None]:
    """Return the table of the key pair's permissions, with a warning if any is missing.

    `granted_by` is what the platform calls the thing that grants them, if it has a name.

    Raises:
        Failed: DENIED, it has none of them.
    """
    by = {"granted_by": granted_by} if granted_by else {}
    if lack and not have:
        raise Failed(DENIED, api=", ".join(lack), lack=tuple(lack), **by)
    warnings = [Finding(PARTIAL, {"lacks": ", ".join(lack), **by})] if lack else []
    return Passed(None, *warnings, have=tuple(have), lack=tuple(lack))
