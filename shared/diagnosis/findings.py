"""Tell what contributing findings mean: further faults, or a likelier reason of a failure."""

import re
from collections.abc import Sequence

from shared.diagnosis.entries import FoundCause

_EXPLAINING = ("tls.default_vhost_cert", "tls.nodes_differ")
"""Findings about a certificate that explain another one, and are no further fault."""
_LEAVES_OPEN = ("auth.invalid_credentials", "auth.login_refused", "auth.unknown_access_key")
"""Rejections that do not say which part of the key pair is wrong."""
_SEEN_IN_IT = ("auth.user_of_a_vcenter", "auth.user_without_domain")
"""Findings of products about the accessKey as it was typed; others are mere possibilities."""
_STATE = re.compile("expired|disabled|locked")  # of a key pair that the platform knows
_KEY_PAIR = ("accessKey", "secretKey")


def faults_beside(found: Sequence[FoundCause]) -> Sequence[FoundCause]:
    """Return the findings after the first one that would stop the caller next.

    Those are a certificate's: all of its faults are read from it, while the other contributing
    findings are rival explanations of a failure, or what was known before it was investigated.
    """
    if not found[0].code.startswith("tls."):
        return []
    codes = (found[0].code, *_EXPLAINING)
    others = [one for one in found[1:] if one.code.startswith("tls.") and one.code not in codes]
    return [one for one in others if one.severity == "failed"]


def mistyped(found: Sequence[FoundCause]) -> Sequence[FoundCause]:
    """Return the findings about the key pair's text that may be why the platform rejects it."""
    first = found[0]
    if first.severity != "failed" or _STATE.search(first.code):
        return []
    doubts = [one for one in found[1:] if one.code.startswith("input.") or one.code in _SEEN_IN_IT]
    return [one for one in doubts if _may_explain(one, first)]


def _may_explain(doubt: FoundCause, rejection: FoundCause) -> bool:
    field = doubt.field or doubt.facts.get("field")
    if field not in _KEY_PAIR or rejection.code.startswith("input."):
        return False
    if rejection.code in _LEAVES_OPEN or doubt.code == "input.credential_swapped":
        return True
    return field == rejection.field
