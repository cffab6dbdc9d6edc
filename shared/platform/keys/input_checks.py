"""Detect mistyped input before anything is sent."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.http import Flow
from shared.platform.keys.key_forms import KEY_FIELDS, KeyField, KeyShapes, Shape, Slip, decoded
from shared.text import is_hidden

T = TypeVar("T")
Doubts = Callable[[], Sequence[Finding]]
"""Looks for possible faults of what was typed, which takes longer than most tests may."""

CREDENTIAL_BLANK = Cause(
    code="input.credential_blank",
    owner="caller",
    summary="The {field} is blank, or a mask or placeholder instead of the value",
    remedies=("Enter the {field} again; text shown as *** or <hidden> is not the value itself.",),
)
CREDENTIAL_HIDDEN_CHARACTER = Cause(
    code="input.credential_hidden_character",
    owner="caller",
    summary="The {field} contains {character}[ at its {end}], which no form shows",
    remedies=(
        "Enter the {field} again without {character}.",
        "Write files and Secrets without a line break at the end: printf %s, or echo -n.",
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
CREDENTIAL_MISTYPED = Cause(
    code="input.credential_mistyped",
    owner="caller",
    summary="The {field} looks like {mistyped_as}; enter {enter_instead}",
    remedies=("Enter the {field} again: {enter_instead}.",),
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

PATH_DOUBLED = Cause(
    code="input.path_doubled",
    owner="caller",
    severity="warning",
    summary=(
        "The first request has {segment} twice in its path: the endpoint's path {path} repeats "
        "what {product}'s API begins with"
    ),
    remedies=("Remove from the endpoint's path what {product}'s API begins with.",),
    field="endpoint",
)
CONSOLE_INSTEAD_OF_API = Cause(
    code="input.console_instead_of_api",
    owner="caller",
    summary="{host} is the web console of {product}, not its API; use for example {example}",
    remedies=("Use the endpoint of an API, for example {example}.",),
    field="endpoint",
)

_MASK = re.compile(r"[*•●∙·….]{3,}")
_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\$\{\w*\}|\{\{[^{}]*\}\}|[\[(](hidden|redacted|masked|removed|sensitive)[\])]",
    re.IGNORECASE,
)
_PAGES = frozenset(
    {
        *("ui", "dashboard", "login", "signin", "sign-in", "console", "portal", "index.html"),
        *("vsphere-client", "horizon", "home", "web", "webadmin", "h5", "browser", "welcome"),
        *("swagger", "swagger-ui", "apiexplorer", "mob"),
    }
)


_SHORTEST_PART = 8
"""Of a key that is looked for in the other one: a password may contain the user's name."""
_BOTH_IN_ACCESS_KEY = Slip("accessKey", "", "both keys in one", "the accessKey alone")
_BOTH_IN_SECRET_KEY = Slip("secretKey", "", "both keys in one", "the secretKey alone")
_COPY = Slip("secretKey", "", "a copy of the accessKey", "the secret that belongs to it")
_ENCODED = Slip(None, "", "the base64 of a key", "the decoded key")
_PASTED_FILES = (
    Slip(
        None,
        r"\s*-----BEGIN .*",
        "a certificate or a private key (PEM)",
        "the key or the token itself",
    ),
    Slip(
        None,
        r"\s*(---\s+)?(apiVersion|kind|clusters|users|contexts):.*",
        "a kubeconfig",
        "the token in it",
    ),
    Slip(None, r"\s*[{\[<].*", "a document", "the key or the token itself"),
)
SLIPS = (_BOTH_IN_ACCESS_KEY, _BOTH_IN_SECRET_KEY, _COPY, _ENCODED, *_PASTED_FILES)
"""The mistakes that are looked for here, in addition to those that products declare."""
_NAMED = {
    "\n": "a line break",
    "\r": "a line break",
    "\t": "a tab",
    "\ufeff": "a byte order mark",
    "\u200b": "a zero-width space",
}


def check_credential(text: str, field: str) -> None:
    """Refuse text that cannot be a credential.

    Raises:
        Failed: CREDENTIAL_BLANK, CREDENTIAL_MISTYPED or CREDENTIAL_HIDDEN_CHARACTER.
    """
    stripped = text.strip()
    if not stripped or _MASK.fullmatch(stripped) or _PLACEHOLDER.fullmatch(stripped):
        raise Failed(CREDENTIAL_BLANK, field=field)
    if text.isprintable():  # most are, and a token has thousands of characters
        return
    hidden = next((character for character in text if is_hidden(character)), None)
    if hidden is None:
        return
    file = next((slip for slip in _PASTED_FILES if slip.is_in(text, "")), None)
    if file and "\n" in stripped:
        raise Failed(CREDENTIAL_MISTYPED, **_slip_facts(field, file))
    raise Failed(CREDENTIAL_HIDDEN_CHARACTER, field=field, **_hidden_facts(text, hidden))


def check_key_pair(
    access_key: str,
    secret_key: str,
    shapes: KeyShapes | None,
    slips: Sequence[Slip] = (),
    *,
    is_makers_host: bool = False,
) -> None:
    """Refuse a key pair that is certainly mistyped; a password may end with whitespace.

    `is_makers_host` says that only the product's maker serves the host: a key there that has the
    form of a mistake, and not the usual one, is none.

    Raises:
        Failed: CREDENTIAL_SWAPPED, CREDENTIAL_WHITESPACE or CREDENTIAL_MISTYPED.
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
    misshapen = _misshapen(access_key, secret_key, shapes) if is_makers_host else {}
    suspected = slips if misshapen else [slip for slip in slips if slip.is_certain]
    for key, slip in _slips(access_key, secret_key, suspected):
        if slip.is_certain or key in misshapen:
            raise Failed(CREDENTIAL_MISTYPED, **_slip_facts(key, slip))


def doubts_about(
    access_key: str,
    secret_key: str,
    shapes: KeyShapes | None,
    slips: Sequence[Slip] = (),
    *,
    is_makers_host: bool = False,
) -> Sequence[Finding]:
    """Return possible faults of a key pair, the likeliest first; they contribute to a rejection."""
    side = _side_with_blank(secret_key)
    blank = [Finding(CREDENTIAL_WHITESPACE, {"field": "secretKey", "side": side})] if side else []
    found: dict[KeyField, Finding] = {}
    for key, slip in _slips(access_key, secret_key, slips):
        found.setdefault(key, _mistyped(key, slip))
    for key, finding in _doubts_about_both(access_key, secret_key, shapes):
        found.setdefault(key, finding)
    if shapes and (shapes.are_general or is_makers_host):
        for key, shape in _misshapen(access_key, secret_key, shapes).items():
            facts: dict[str, Fact] = {"field": key, "looks_like": shape.in_words}
            found.setdefault(key, Finding(CREDENTIAL_FORMAT, facts))
    return [*blank, *(found[key] for key in KEY_FIELDS if key in found)]


def _doubts_about_both(
    access_key: str, secret_key: str, shapes: KeyShapes | None
) -> Iterator[tuple[KeyField, Finding]]:
    end = secret_key.removeprefix(access_key)
    if len(access_key) > len(secret_key) >= _SHORTEST_PART and access_key.endswith(secret_key):
        yield "accessKey", _mistyped("accessKey", _BOTH_IN_ACCESS_KEY)
    if end not in ("", secret_key) and end[0] in ":;,/= ":
        yield "secretKey", _mistyped("secretKey", _BOTH_IN_SECRET_KEY)
    if shapes and access_key == secret_key:
        yield "secretKey", _mistyped("secretKey", _COPY)
    for key, shape in _misshapen(access_key, secret_key, shapes).items():
        text = access_key if key == "accessKey" else secret_key
        if shape.fits(decoded(text)):
            yield key, _mistyped(key, _ENCODED)


def check_host(consoles: str, endpoint: Endpoint, product: str, example: str) -> None:
    """Refuse the web console of a product's maker, by the pattern of such hosts.

    Raises:
        Failed: CONSOLE_INSTEAD_OF_API.
    """
    host = endpoint.server_name
    if consoles and re.fullmatch(consoles, host):
        raise Failed(CONSOLE_INSTEAD_OF_API, host=host, product=product, example=example)


def doubts_about_path(endpoint: Endpoint, asked: str, usual: Cause | None) -> Sequence[Finding]:
    """Return what the endpoint's path may mean, if a test with it fails.

    Args:
        endpoint: The endpoint, as it was typed.
        asked: The path of the first request, which the endpoint's path is a part of.
        usual: What a path in the endpoint of this product means.
    """
    segments = [one for one in endpoint.path.lower().split("/") if one]
    path = asked.partition("?")[0].lower().split("/")
    doubled = [one for one in segments if path.count(one) > 1]
    facts: dict[str, Fact] = {"path": endpoint.path}
    if _PAGES & set(segments):
        return [Finding(PATH_UNEXPECTED, facts)]
    if doubled:
        return [Finding(PATH_DOUBLED, {**facts, "segment": doubled[0]})]
    return [Finding(usual, facts)] if usual and segments else []


def doubting(flow: Flow[T], doubts: Doubts, *, rejections_only: bool = False) -> Flow[T]:
    """Run `flow`; if it fails, `doubts` contribute to the cause, and are told first."""
    try:
        return (yield from flow)
    except Failed as failed:
        cause = failed.cause
        judges_key = cause.code.startswith("auth.") and cause.field in KEY_FIELDS
        if cause.is_rejection or judges_key or not rejections_only:
            failed.contributing = (*doubts(), *failed.contributing)
        raise


def _slips(
    access_key: str, secret_key: str, slips: Sequence[Slip]
) -> Iterator[tuple[KeyField, Slip]]:
    for slip in slips:
        if slip.field != "secretKey" and slip.is_in(access_key, secret_key):
            yield "accessKey", slip
        if slip.field != "accessKey" and slip.is_in(secret_key, access_key):
            yield "secretKey", slip


def _slip_facts(field: str, slip: Slip) -> dict[str, Fact]:
    return {
        "field": field,
        "mistyped_as": slip.mistyped_as,
        "enter_instead": slip.enter_instead,
    }


def _mistyped(field: str, slip: Slip) -> Finding:
    return Finding(CREDENTIAL_MISTYPED, _slip_facts(field, slip))


def _misshapen(access_key: str, secret_key: str, shapes: KeyShapes | None) -> dict[KeyField, Shape]:
    """Return the usual forms that the keys do not have."""
    if shapes is None:
        return {}
    wanted: dict[KeyField, tuple[str, Shape]] = {
        "accessKey": (access_key, shapes.access_key),
        "secretKey": (secret_key, shapes.secret_key),
    }
    return {key: shape for key, (text, shape) in wanted.items() if not shape.fits(text)}


def _hidden_facts(text: str, character: str) -> dict[str, Fact]:
    """Return what the invisible `character` is, and at which end of `text`, if at one."""
    code_point = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "a control character").lower()
    named = _NAMED.get(character, f"{code_point} ({name})")
    is_last = all(is_hidden(one) for one in text[text.index(character) :])
    end = "beginning" if text.startswith(character) else "end" if is_last else ""
    return {"character": named, **({"end": end} if end else {})}


def _is_swapped(access_key: str, secret_key: str, shapes: KeyShapes) -> bool:
    right = shapes.access_key.fits(access_key) or shapes.secret_key.fits(secret_key)
    return not right and shapes.access_key.fits(secret_key) and shapes.secret_key.fits(access_key)


def _side_with_blank(text: str) -> str:
    sides = {"begins": text[:1].isspace(), "ends": text[-1:].isspace()}
    return " and ".join(side for side, is_blank in sides.items() if is_blank)
