"""The forms of keys: the usual ones of a product, and those of keys that are mistyped."""

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

KeyField = Literal["accessKey", "secretKey"]
KEY_FIELDS: tuple[KeyField, KeyField] = ("accessKey", "secretKey")

JWT = r"eyJ[\w-]*\.[\w-]+\.[\w-]*"
"""RFC 7519, signed: the first part is the base64 of a JSON object."""
UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}+={0,2}")


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
    are_general: bool = True
    """Whether another form is a doubt at any host; else only at those of the product's maker.

    What stands in for a public cloud, and its editions on premises, have keys of other forms.
    """


_compiled = cache(partial(re.compile, flags=re.DOTALL))


def _as_typed(text: str) -> str:
    return text


def decoded(text: str) -> str:
    """Return the text that `text` is the base64 of; nothing if it is none."""
    if not _BASE64.fullmatch(text):
        return ""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(standard + "=" * (-len(standard) % 4)).decode().strip()
    except ValueError:
        return ""


def claims(text: str) -> str:
    """Return the JSON of the claims of a signed JSON Web Token, unverified; nothing without."""
    if not re.fullmatch(JWT, text):
        return ""
    try:
        return urlsafe_b64decode(text.split(".")[1] + "==").decode()
    except ValueError:
        return ""


def doubled(text: str) -> str:
    """Return the half of `text`, if it is twice the same text and no more; else nothing."""
    half = len(text) // 2
    return text[:half] if text and (text + text).find(text, 1) == half else ""


@dataclass(frozen=True, slots=True, eq=False)
class Slip:
    """A usual mistake in a key, by the form that the key then has.

    A pattern meets keys of 8,192 characters: it takes linear time.
    """

    field: KeyField | None
    """The key that it is about; each of both without one."""
    pattern: str
    mistyped_as: str
    """What such a key is."""
    enter_instead: str
    is_certain: bool = False
    """Whether no platform of this product can accept such a key."""
    reads: Callable[[str], str] = _as_typed
    """What is matched: the key as it was typed, or what can be read in it."""
    other: str = ""
    """The form of the other key, if the mistake shows in both."""

    def is_in(self, text: str, other: str) -> bool:
        """Return whether the key `text`, beside the `other` one, is mistyped so."""
        if self.other and not _compiled(self.other).fullmatch(other):
            return False
        read = self.reads(text)
        return bool(read) and bool(_compiled(self.pattern).fullmatch(read))


_ANY_QUOTE = "[\"'`\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\uff02\uff07]"

USUAL_SLIPS = (
    Slip(
        None,
        rf"{_ANY_QUOTE}.+{_ANY_QUOTE}|.*[\u2018\u2019\u201c\u201d\u201e].*",
        "text in quotation marks",
        "it without them",
    ),
    Slip(None, r"[\[({].+[\])}]", "text in brackets", "it without them"),
    Slip(
        None,
        r"(?i:authorization:.+|(bearer|basic|token|apikey) .+)",
        "a header or a part of it",
        "the key alone",
    ),
    Slip(
        None,
        r"(?i:(export |set |\$env:)?[\w.-]{0,60}(key|secret|token|password|passwd|_id|user)[\w.-]"
        r"{0,20} ?[=:] ?\S.*)",
        "a line of a configuration",
        "the value alone",
    ),
    Slip(None, r"\$\w+|%\w+%|\$\(.+\)", "the name of a variable", "its value"),
    Slip(None, r"(?i:(https?|vault|secret|op|ssm)://.+)", "a URL", "the key itself"),
    Slip(None, r"(arn|acs|qcs):[\w:*/+=,.@-]+", "the name of a resource (ARN)", "the key itself"),
    Slip(
        None,
        r"(?i:(your|my|enter|insert|paste|put)[ _.-]?([a-z]{1,20}[ _.-])?"
        r"(access|secret|api|key|token|pass|user|value|id).{0,40}|change[ _-]?me!?|example|"
        r"placeholder|todo|tbd|x{3,}|none|null|nil|undefined|n/a)",
        "a placeholder",
        "the real value",
    ),
    Slip(
        None, r".*([*•●]{3,}|…|\.{4,}|[xX]{8,}).*", "a masked value, as pages show it", "all of it"
    ),
    Slip(None, r".*[\uff01-\uff5e\u3000].*", "text with full-width characters", "it in ASCII"),
    Slip(None, ".{6,}", "a key that was pasted twice", "it once", reads=doubled),
    Slip(
        None,
        r".*(%[0-9A-Fa-f]{2}|&(amp|lt|gt|quot|apos|#[0-9]{2,4});).*",
        "text that was encoded for a URL or a page",
        "it as it was before",
    ),
    Slip(
        None,
        r".*\\([$!\"'`&@#].*|[nr])",
        "text with the backslashes of a shell or of JSON",
        "it without them",
    ),
    Slip(None, r".*[,;]", "text with a comma or a semicolon at its end", "it without that"),
    Slip("accessKey", JWT, "a token (JWT)", "it as secretKey"),
    Slip(
        None,
        r"-----BEGIN.*|LS0tLS1CRUdJTi.*",
        "a certificate or a private key (PEM)",
        "the key or the token itself",
    ),
)
"""The mistakes that all products share; passwords may have these forms, so none is certain."""

USER_INSTEAD_OF_KEY = Slip(
    "accessKey",
    r"(?i:[^@\s]+@[^@\s]+|admin|administrator|root|user)",
    "the name of a user, who signs in to web pages",
    "the ID of an access key of this user",
)
"""Of products whose access keys are random."""


def cut_off(field: KeyField, begin: str, characters: str, length: int, other: str = "") -> Slip:
    """Return the slip of a random key that has up to four characters too few or too many.

    Args:
        field: The key that it is about.
        begin: The pattern that all such keys begin with.
        characters: The class of the characters that follow.
        length: How many of them there are.
        other: The form of the other key, which shows that the pair is of this product.
    """
    fewer, more = f"{{{length - 4},{length - 1}}}", f"{{{length + 1},{length + 4}}}"
    return Slip(
        field,
        f"{begin}({characters}{fewer}|{characters}{more})",
        "a key with too few or too many characters",
        "all of it, with nothing before or after it",
        other=other,
    )


SLIPS_OF_CLOUDS = (
    USER_INSTEAD_OF_KEY,
    Slip("accessKey", "[0-9]{9,19}", "the number of an account", "the ID of an access key of it"),
    Slip(
        "secretKey",
        "(IQoJ|FwoG|CAIS)[A-Za-z0-9+/=]{60,}",
        "a session token",
        "the secret, and the token as options.sessionToken",
    ),
)
"""The mistakes at all public clouds."""

# AWS: IAM User Guide, "Understanding unique ID prefixes"; Alibaba Cloud: RAM and STS references;
# Tencent Cloud: CAM, "Access Key".
_OF_CLOUDS = (
    ("aws", "A[KS]IA[A-Z0-9]{16}", "an access key ID of AWS"),
    (
        "alibabacloud",
        r"LTAI[A-Za-z0-9]{12,26}|STS\.[A-Za-z0-9]{10,60}",
        "an AccessKey ID of Alibaba Cloud",
    ),
    ("tencentcloud", r"AKID[A-Za-z0-9_-]{28,80}", "a SecretId of Tencent Cloud"),
    ("", "GOOG[A-Z0-9]{16,60}", "an HMAC key ID of Google Cloud"),
)
_INSTEAD_OF_ANOTHER_CLOUDS: tuple[tuple[KeyField, str], ...] = (
    ("accessKey", "the key of this platform"),
    ("secretKey", "the secret that belongs to it"),
)
_STORES = frozenset({"s3"})  # whose keys are whatever somebody chose


@cache
def slips_of(product: str, own: tuple[Slip, ...]) -> tuple[Slip, ...]:
    """Return the usual mistakes in the keys of `product`, its `own` ones first."""
    of_clouds = [
        Slip(key, pattern, named, instead)
        for cloud, pattern, named in _OF_CLOUDS
        for key, instead in _INSTEAD_OF_ANOTHER_CLOUDS
        if key == "secretKey" or product not in (cloud, *_STORES)
    ]
    return (*own, *USUAL_SLIPS, *of_clouds)
