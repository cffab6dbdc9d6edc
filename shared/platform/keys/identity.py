"""Whose key pair it is, held against whom the caller expects.

The right key pair of the wrong account signs in without a fault: only a comparison tells.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow
from shared.text import is_hidden

SessionT = TypeVar("SessionT")

IdentityPart = Literal["account", "tenant", "user"]
Expected = Mapping[IdentityPart, str]
"""What the caller expects of each part, exactly as the platform tells it."""

LONGEST_NAME = 256

OTHER_IDENTITY = Cause(
    code="auth.other_identity",
    owner="caller",
    summary=(
        "{host} accepts the key pair, but it is not the one that was expected[; account "
        "{told_account} instead of {expected_account}][; tenant {told_tenant} instead of "
        "{expected_tenant}][; user {told_user} instead of {expected_user}]"
    ),
    remedies=(
        "Enter the key pair of the expected account, tenant and user.",
        "Correct options.expect if this key pair is the right one.",
    ),
    field="options.expect",  # the key pair was accepted: how it was typed is no longer in doubt
)
IDENTITY_NOT_TOLD = Cause(
    code="auth.identity_not_told",
    owner="platform",
    severity="warning",
    summary=(
        "Whether the key pair is the expected one is unknown: {host} does not tell[ the account "
        "{unknown_account}][ the tenant {unknown_tenant}][ the user {unknown_user}] of this key "
        "pair"
    ),
    remedies=(
        "On {product}, allow the owner of the key to read its own account and user.",
        "Check on {product} whose key it is.",
    ),
    field="options.expect",
)


@dataclass(frozen=True, slots=True)
class Told:
    """How a platform tells a part of an identity."""

    means: str
    """What this part is on the platform."""
    facts: tuple[str, ...]
    """The facts of the sign-in that tell it: its ID, its name, whichever are known."""


AskIdentity = Callable[[Endpoint, SessionT], Flow[Facts]]
"""Reads further facts that tell an identity, which are empty where the platform tells none."""


def expecting(
    authenticate: Callable[..., Flow[Passed[SessionT]]],
    ask: AskIdentity[SessionT] | None,
    parts: Mapping[IdentityPart, Told],
    expected: Expected,
) -> Callable[..., Flow[Passed[SessionT]]]:
    """Return a flow that signs in like `authenticate`, then compares whose key pair it is.

    `ask` is only used if the sign-in has not told enough. What the platform does not tell is a
    warning, IDENTITY_NOT_TOLD.

    Raises:
        Failed: OTHER_IDENTITY, the platform tells another one.
    """

    def flow(endpoint: Endpoint, *rest: Any) -> Flow[Passed[SessionT]]:
        passed = yield from authenticate(endpoint, *rest)
        facts = {**passed.facts}
        if ask and any(value not in _told(facts, parts[part]) for part, value in expected.items()):
            facts |= yield from _if_answered(ask(endpoint, passed.value))
        warnings = [*passed.warnings, *_compared(facts, parts, expected)]
        return Passed(passed.value, *warnings, **facts)

    return flow


def names(**facts: object) -> dict[str, str]:
    """Return those of `facts` that can be an ID or a name; a platform may have sent anything."""
    return {
        name: value
        for name, value in facts.items()
        if isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and is_one_line(value)
    }


def name_in(resource: str) -> str:
    """Return the name at the end of a resource name like arn:aws:iam::1:user/path/NAME.

    Of an assumed role it is ROLE/SESSION, of the account itself its last word, root.
    """
    _, slash, path = resource.rpartition(":")[2].partition("/")
    if not slash:
        return resource.rpartition(":")[2]
    return path.rpartition("/")[2] if ":user/" in resource else path


def is_one_line(text: str) -> bool:
    """Return whether `text` has only visible characters and blanks."""
    return not any(map(is_hidden, text))


def _if_answered(flow: Flow[Facts]) -> Flow[Facts]:
    """Return the result of `flow`; nothing if one of its requests fails."""
    try:
        return (yield from flow)
    except Failed:
        return {}


def _told(facts: Facts, part: Told) -> tuple[str, ...]:
    return tuple(str(facts[name]) for name in part.facts if name in facts)


def _compared(
    facts: Facts, parts: Mapping[IdentityPart, Told], expected: Expected
) -> Iterator[Finding]:
    others: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for part, value in expected.items():
        told = _told(facts, parts[part])
        if not told:
            unknown[f"unknown_{part}"] = value
        elif value not in told:
            both = {f"told_{part}": " / ".join(dict.fromkeys(told)), f"expected_{part}": value}
            others |= both
    if others:
        raise Failed(OTHER_IDENTITY, **others)
    if unknown:
        yield Finding(IDENTITY_NOT_TOLD, unknown)
