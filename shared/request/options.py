"""The options of a test that all products have."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_serializer,
)

from shared.diagnosis.catalogue import catalogue
from shared.platform.keys.identity import LONGEST_NAME, Expected, IdentityPart, is_one_line
from shared.platform.product import invalid
from shared.request.fields import CaCertificate, Wire

REVEAL = {"reveal": True}
"""The serialization context that writes credentials in clear text; only sealing uses it."""

HEALTHY: Final = "healthy"
"""The mock of a platform that passes; the others are the codes of causes."""

LONGEST_SITE_NAME: Final = 64
"""Of what may be a mistyped name; the names of sites are shorter."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise invalid("must be the SHA-256 of the certificate, 64 hexadecimal digits")
    return plain


def _mock(name: str) -> str:
    cause = catalogue().get(name)
    if name != HEALTHY and (cause is None or cause.is_of_comparison):
        raise invalid("must be healthy or the code of a cause, e.g. tcp.refused")
    return name


class TlsOptions(Wire):
    """How to judge the platform's certificate."""

    verify: StrictBool = Field(
        default=True,
        description=(
            "Whether the certificate must be valid for the host. Without this check the receiver "
            "of the key pair's signature is not verified."
        ),
    )
    ca_certificate: CaCertificate | None = Field(
        default=None,
        description="PEM certificates to trust in addition to the public authorities.",
    )
    fingerprint_sha256: (
        Annotated[str, Field(max_length=128), AfterValidator(_fingerprint)] | None
    ) = Field(
        default=None,
        description=(
            "SHA-256 of the only certificate to accept from the endpoint's host, hexadecimal, "
            "colons allowed. Other hosts that the platform has are verified as usual."
        ),
    )


def _one_line(name: str) -> str:
    if not name.strip() or not is_one_line(name):
        raise invalid("must be one line of visible characters")
    return name


NamedSite = Annotated[str, Field(min_length=1, max_length=LONGEST_SITE_NAME)] | None
"""Which of them there are changes while the service runs: the API checks it, not the model."""


def named_site(what: str) -> Any:
    """Return the field for the site that is to make a test or an inspection."""
    return Field(
        default=None,
        exclude_if=lambda site: site is None,
        description=(
            f"The site that makes the {what}. Without it, the service chooses one by the "
            "endpoint; `default` unless the operator has set rules."
        ),
        examples=["fra1"],
    )


ExpectedName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_one_line)] | None


class ExpectedIdentity(Wire):
    """Whose key pair it must be; each value is the ID or the name that the platform tells."""

    account: ExpectedName = Field(
        default=None, description="The account that the key pair must belong to."
    )
    tenant: ExpectedName = Field(
        default=None, description="The tenant or project that it must belong to."
    )
    user: ExpectedName = Field(default=None, description="The user that it must belong to.")

    @property
    def given(self) -> Expected:
        """The parts that were given."""
        parts: dict[IdentityPart, str | None] = {
            "account": self.account,
            "tenant": self.tenant,
            "user": self.user,
        }
        return {part: value for part, value in parts.items() if value is not None}


class Options(Wire):
    """Options in addition to the documented fields; the product declares further ones."""

    model_config = ConfigDict(extra="allow")

    timeout_seconds: StrictInt | StrictFloat | None = Field(
        default=None,
        ge=1,
        le=120,
        description="Time limit of the whole test in seconds.",
        examples=[30],
    )
    tls: TlsOptions = TlsOptions()
    force: StrictBool = Field(
        default=False,
        description=(
            "Test at once, even if many tests of the same address are running, and present a key "
            "pair that was just rejected."
        ),
    )
    site: NamedSite = named_site("test")
    expect: ExpectedIdentity | None = Field(
        default=None,
        exclude_if=lambda expected: expected is None,
        description=(
            "Whose key pair it must be: the sign-in fails with another one. `identity` of the "
            "product says which parts it tells."
        ),
    )
    mock: Annotated[str, Field(max_length=80), AfterValidator(_mock)] | None = Field(
        default=None,
        description="Return a sample answer and test nothing: healthy, or the code of a cause.",
        examples=["tcp.refused"],
    )

    def hide(self, secrets: Mapping[str, SecretStr]) -> None:
        """Replace the secret options of the product by `secrets`."""
        extra = self.model_extra or {}
        extra.update({name: secret for name, secret in secrets.items() if name in extra})

    @model_serializer(mode="wrap")
    def _reveal_only_on_request(
        self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        if info.context == REVEAL:
            for name, value in (self.model_extra or {}).items():
                if isinstance(value, SecretStr):
                    content[name] = value.get_secret_value()
        return content
