"""See from what was typed alone that it can hardly be meant, before anything is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.http import Flow
from shared.diagnosis.outcomes import Failed, Finding
from shared.text import is_hidden

T = TypeVar("T")

BLANK = Cause(
    code="input.credential_blank",
    owner="caller",
    summary="The {field} must be the value itself: it is blank, or a mask or placeholder",
    remedies=("Enter the {field} again; what is shown as *** or <hidden> was never copied.",),
)
HIDDEN_CHARACTER = Cause(
    code="input.credential_hidden_character",
    owner="caller",
    summary="The {field} must not have a line break or another invisible character in it",
    remedies=("Type the {field} by hand; text pasted from a document hides characters.",),
)
WHITESPACE = Cause(
    code="input.credential_whitespace",
    owner="caller",
    summary="The {field} {side} with a blank, as keys that were pasted do",
    remedies=("Enter the {field} again without the blank.",),
)
SWAPPED = Cause(
    code="input.credential_swapped",
    owner="caller",
    summary="The accessKey and the secretKey must not be swapped: the accessKey has "
    "{secret_looks_like}, as secrets have, and the secretKey has {access_looks_like}",
    remedies=("Swap the accessKey and the secretKey.",),
    field="accessKey",
)
FORMAT = Cause(
    code="input.credential_format",
    owner="caller",
    severity="warning",
    summary="The {field} does not look like {product}'s, which have {looks_like}",
    remedies=("Copy the {field} again, as a whole and without anything around it.",),
)
PRODUCT_UNKNOWN = Cause(
    code="input.product_unknown",
    owner="caller",
    summary="The productType is unknown; choose {known}[. Nearest: {nearest}]",
    remedies=("Choose one of the product types: {known}.",),
    field="productType",
)
PATH_UNEXPECTED = Cause(
    code="input.path_unexpected",
    owner="caller",
    severity="warning",
    summary="The endpoint's path {path} is one of web pages, not of {product}'s API",
    remedies=("Leave the path out of the endpoint.",),
    field="endpoint",
)

_MASK = re.compile(r"[*•●∙·….]{3,}")
_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\$\{\w*\}|\{\{[^{}]*\}\}|[\[(](hidden|redacted|masked|removed|sensitive)[\])]",
    re.IGNORECASE,
)
_PAGES = frozenset(
    {"ui", "dashboard", "login", "signin", "console", "portal", "index.html", "vsphere-client"}
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a product's keys look like; its platforms may take others too."""

    pattern: str
    in_words: str

    def fits(self, text: str) -> bool:
        """Return whether `text` looks like that."""
        return bool(re.fullmatch(self.pattern, text))


@dataclass(frozen=True, slots=True)
class KeyShapes:
    """What both keys of a product look like. Such keys never begin or end with a blank."""

    access_key: Shape
    secret_key: Shape


def check_credential(text: str, field: str) -> None:
    """Refuse what no credential can be.

    Raises:
        Failed: BLANK or HIDDEN_CHARACTER.
    """
    stripped = text.strip()
    if not stripped or _MASK.fullmatch(stripped) or _PLACEHOLDER.fullmatch(stripped):
        raise Failed(BLANK, field=field)
    if any(is_hidden(character) for character in text):
        raise Failed(HIDDEN_CHARACTER, field=field)


def check_key_pair(access_key: str, secret_key: str, shapes: KeyShapes | None) -> None:
    """Refuse a key pair that was surely typed wrongly; a password may end with a blank.

    Raises:
        Failed: SWAPPED or WHITESPACE.
    """
    if shapes and _is_swapped(access_key, secret_key, shapes):
        looks = {
            "access_looks_like": shapes.access_key.in_words,
            "secret_looks_like": shapes.secret_key.in_words,
        }
        raise Failed(SWAPPED, **looks)
    fields = {"accessKey": access_key, **({"secretKey": secret_key} if shapes else {})}
    for field, text in fields.items():
        if side := _side_with_blank(text):
            raise Failed(WHITESPACE, field=field, side=side)


def doubts_about(access_key: str, secret_key: str, shapes: KeyShapes | None) -> Sequence[Finding]:
    """Return what can be wrong with a key pair, for when it is rejected."""
    side = _side_with_blank(secret_key)
    if side:
        return [Finding(WHITESPACE, {"field": "secretKey", "side": side})]
    if not shapes:
        return []
    typed = {"accessKey": (access_key, shapes.access_key)}
    typed["secretKey"] = (secret_key, shapes.secret_key)
    return [
        Finding(FORMAT, {"field": field, "looks_like": shape.in_words})
        for field, (text, shape) in typed.items()
        if not shape.fits(text)
    ]


def doubts_about_path(endpoint: Endpoint) -> Sequence[Finding]:
    """Return that the endpoint was copied from a browser, if it looks like it."""
    segments = endpoint.path.lower().split("/")
    if not _PAGES & set(segments):
        return []
    return [Finding(PATH_UNEXPECTED, {"path": endpoint.path})]


def doubting(flow: Flow[T], doubts: Sequence[Finding], *, rejections_only: bool = False) -> Flow[T]:
    """Lead the conversation of `flow`; where it fails, `doubts` contribute to the cause."""
    try:
        return (yield from flow)
    except Failed as failed:
        if failed.cause.is_rejection or not rejections_only:
            failed.contributing = (*failed.contributing, *doubts)
        raise


def _is_swapped(access_key: str, secret_key: str, shapes: KeyShapes) -> bool:
    right = shapes.access_key.fits(access_key) or shapes.secret_key.fits(secret_key)
    return not right and shapes.access_key.fits(secret_key) and shapes.secret_key.fits(access_key)


def _side_with_blank(text: str) -> str:
    sides = {"begins": text[:1].isspace(), "ends": text[-1:].isspace()}
    return " and ".join(side for side, is_blank in sides.items() if is_blank)
