"""Detect mistyped input before anything is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.http import Flow
from shared.text import is_hidden

T = TypeVar("T")

CREDENTIAL_BLANK = Cause(
    code="input.credential_blank",
    owner="caller",
    summary="The {field} is blank, or a mask or placeholder instead of the value",
    remedies=("Enter the {field} again; text shown as *** or <hidden> is not the value itself.",),
)
CREDENTIAL_HIDDEN_CHARACTER = Cause(
    code="input.credential_hidden_character",
    owner="caller",
    summary="The {field} contains a line break or another invisible character",
    remedies=(
        ("Type the {field} by hand; text pasted from a document can contain invisible characters."),
    ),
)
CREDENTIAL_WHITESPACE = Cause(
    code="input.credential_whitespace",
    owner="caller",
    summary="The {field} {side} with whitespace, as pasted keys often do",
    remedies=("Enter the {field} again without the whitespace.",),
)
CREDENTIAL_SWAPPED = Cause(
    code="input.credential_swapped",
    owner="caller",
    summary=(
        "The accessKey and the secretKey are swapped: the accessKey has {secret_looks_like}, like "
        "a secret, and the secretKey has {access_looks_like}"
    ),
    remedies=("Swap the accessKey and the secretKey.",),
    field="accessKey",
)
CREDENTIAL_FORMAT = Cause(
    code="input.credential_format",
    owner="caller",
    severity="warning",
    summary="The {field} does not look like those of {product}, which have {looks_like}",
    remedies=("Copy the whole {field} again, with nothing before or after it.",),
)
PRODUCT_UNKNOWN = Cause(
    code="input.product_unknown",
    owner="caller",
    summary="The productType is unknown; choose {known}[. Nearest: {similar}]",
    remedies=("Choose one of the product types: {known}.",),
    field="productType",
)
PATH_UNEXPECTED = Cause(
    code="input.path_unexpected",
    owner="caller",
    severity="warning",
    summary="The endpoint's path {path} belongs to web pages, not to {product}'s API",
    remedies=("Remove the path from the endpoint.",),
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
    """The usual form of a product's keys; its platforms may accept other forms too."""

    pattern: str
    in_words: str

    def fits(self, text: str) -> bool:
        """Return whether `text` has this form."""
        return bool(re.fullmatch(self.pattern, text))


@dataclass(frozen=True, slots=True)
class KeyShapes:
    """The usual forms of both keys of a product. Such keys never begin or end with whitespace."""

    access_key: Shape
    secret_key: Shape


def check_credential(text: str, field: str) -> None:
    """Refuse text that cannot be a credential.

    Raises:
        Failed: CREDENTIAL_BLANK or CREDENTIAL_HIDDEN_CHARACTER.
    """
    stripped = text.strip()
    if not stripped or _MASK.fullmatch(stripped) or _PLACEHOLDER.fullmatch(stripped):
        raise Failed(CREDENTIAL_BLANK, field=field)
    if any(is_hidden(character) for character in text):
        raise Failed(CREDENTIAL_HIDDEN_CHARACTER, field=field)


def check_key_pair(access_key: str, secret_key: str, shapes: KeyShapes | None) -> None:
    """Refuse a key pair that is certainly mistyped; a password may end with whitespace.

    Raises:
        Failed: CREDENTIAL_SWAPPED or CREDENTIAL_WHITESPACE.
    """
    if shapes and _is_swapped(access_key, secret_key, shapes):
        looks = {
            "access_looks_like": shapes.access_key.in_words,
            "secret_looks_like": shapes.secret_key.in_words,
        }
        raise Failed(CREDENTIAL_SWAPPED, **looks)
    fields = {"accessKey": access_key, **({"secretKey": secret_key} if shapes else {})}
    for field, text in fields.items():
        if side := _side_with_blank(text):
            raise Failed(CREDENTIAL_WHITESPACE, field=field, side=side)


def doubts_about(access_key: str, secret_key: str, shapes: KeyShapes | None) -> Sequence[Finding]:
    """Return possible faults of a key pair, which contribute if it is rejected."""
    side = _side_with_blank(secret_key)
    if side:
        return [Finding(CREDENTIAL_WHITESPACE, {"field": "secretKey", "side": side})]
    if not shapes:
        return []
    typed = {"accessKey": (access_key, shapes.access_key)}
    typed["secretKey"] = (secret_key, shapes.secret_key)
    return [
        Finding(CREDENTIAL_FORMAT, {"field": field, "looks_like": shape.in_words})
        for field, (text, shape) in typed.items()
        if not shape.fits(text)
    ]


def doubts_about_path(endpoint: Endpoint) -> Sequence[Finding]:
    """Return a finding if the endpoint looks as if it was copied from a browser."""
    segments = endpoint.path.lower().split("/")
    if not _PAGES & set(segments):
        return []
    return [Finding(PATH_UNEXPECTED, {"path": endpoint.path})]


def doubting(flow: Flow[T], doubts: Sequence[Finding], *, rejections_only: bool = False) -> Flow[T]:
    """Run `flow`; if it fails, `doubts` contribute to the cause."""
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
