"""The request of the documented call, and the message that carries it to a worker."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.bounds import beyond_bounds
from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.entries import Queued
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.diagnosis.sentences import Sentence
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.keys.identity import LONGEST_NAME, Expected, IdentityPart, is_one_line
from shared.platform.keys.input_checks import (
    PRODUCT_UNKNOWN,
    check_host,
    check_key_pair,
    doubts_about,
    doubts_about_path,
)
from shared.platform.keys.key_pair import SESSION_TOKEN_MISSING
from shared.platform.product import Credentials, ProductOptions, Secret, invalid, refused
from shared.policy.target_policy import UNLIMITED, TargetPolicy
from shared.products import PRODUCTS, AnyProduct, nearest_products
from shared.steps import INSPECTION, StepName
from shared.text import title_of

LONGEST_CA_BUNDLE = 262_144
LONGEST_PRODUCT_TYPE = 64
REVEAL = {"reveal": True}
"""The serialization context that writes credentials in clear text; only sealing uses it."""

OPTION: Final = "option"
"""Pydantic's type of the error that an option of a product is not valid; its context says why."""

NEVER_TOLD: Final = "{product} does not tell the {part} of a key pair[; what it tells is {told}]"
HEALTHY: Final = "healthy"
"""The mock of a platform that passes; the others are the codes of causes."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class _Wire(BaseModel):
    """Camel-case names outside, snake-case inside; no unknown fields, and immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        field_title_generator=title_of,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise invalid("must be the SHA-256 of the certificate, 64 hexadecimal digits")
    return plain


def _ca_certificate(pem: str) -> str:
    if not _are_certificates(pem):
        raise invalid("must be one or more certificates in PEM form")
    return pem


def _are_certificates(pem: str) -> bool:
    """Return whether `pem` is certificates; many rows have the same, and 200 KB take 20 ms."""
    text = hash(pem), len(pem)  # the text itself is not kept: it may hold a private key as well
    verdict = _VERDICTS.get(text)
    if verdict is None:
        if len(_VERDICTS) >= MOST_VERDICTS:
            _VERDICTS.clear()
        verdict = _VERDICTS[text] = _can_be_loaded(pem)
    return verdict


_VERDICTS: dict[tuple[int, int], bool] = {}
MOST_VERDICTS = 1000


def _can_be_loaded(pem: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
        return False
    return True


def _product_type(name: str) -> str:
    if name not in PRODUCTS:
        similar = nearest_products(name)
        facts = {"similar": similar} if similar else {}
        raise refused(Failed(PRODUCT_UNKNOWN, known=tuple(PRODUCTS), **facts))
    return PRODUCTS[name].name


def _is_plain(name: object) -> bool:
    product = PRODUCTS.get(name) if isinstance(name, str) else None
    return product is not None and not product.needs_key_pair


def _product_type_if_any(name: str) -> str:
    return _product_type(name) if name else name


def _within_bounds(content: Any) -> Any:
    problem = beyond_bounds(content) if isinstance(content, dict) else None
    if problem:
        raise invalid(problem)
    return content


def _endpoint(value: Any) -> Endpoint:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a String")
    try:
        return parse_endpoint(value)
    except Failed as failed:
        raise refused(failed) from None


def _mock(name: str) -> str:
    if name != HEALTHY and name not in catalogue():
        raise invalid("must be healthy or the code of a cause, e.g. tcp.refused")
    return name


# In this order: what is too long is not looked at.
CaCertificate = Annotated[str, Field(max_length=LONGEST_CA_BUNDLE), AfterValidator(_ca_certificate)]
_NamedProduct = Annotated[str, Field(max_length=LONGEST_PRODUCT_TYPE)]


class TlsOptions(_Wire):
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


ExpectedName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_one_line)] | None


class ExpectedIdentity(_Wire):
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


class Options(_Wire):
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


def _key_pair_unless_plain(schema: dict[str, Any]) -> None:
    pair = ["accessKey", "secretKey"]
    schema["required"] = [name for name in schema["required"] if name not in pair]
    names = [name for name, product in PRODUCTS.items() if not product.needs_key_pair]
    plain = {"properties": {"productType": {"enum": names}}}
    schema["anyOf"] = [{"required": pair}, plain]


class JobRequest(_Wire):
    """The platform to test and the key pair to test it with; a plain product needs none."""

    model_config = ConfigDict(json_schema_extra=_key_pair_unless_plain)

    product_type: Annotated[_NamedProduct, AfterValidator(_product_type)] = Field(
        description="Product type of the platform to test", examples=["zstack"]
    )
    endpoint: Annotated[
        Endpoint,
        PlainValidator(_endpoint, json_schema_input_type=str),
        PlainSerializer(str, return_type=str),
    ] = Field(
        description="Endpoint URL or host:port of the platform", examples=["192.168.1.100:8080"]
    )
    access_key: Secret = Field(
        description="Access key ID for authentication",
        examples=["AKID1234567890"],
    )
    secret_key: Secret = Field(
        description="Secret key for authentication",
        examples=["secret-value-xyz"],
    )
    options: Options = Options()

    @model_validator(mode="before")
    @classmethod
    def _complete_without_sign_in(cls, content: Any) -> Any:
        _within_bounds(content)
        if isinstance(content, dict) and _is_plain(content.get("productType")):
            return {"accessKey": "", "secretKey": "", **content}
        return content

    @field_validator("access_key", "secret_key", mode="wrap")
    @classmethod
    def _may_be_empty_without_sign_in(
        cls, value: Any, validate: Callable[[Any], SecretStr], info: ValidationInfo
    ) -> SecretStr:
        is_left_out = value == "" and _is_plain(info.data.get("product_type"))
        return SecretStr("") if is_left_out else validate(value)

    @model_validator(mode="after")
    def _refuse_mistyped_keys(self) -> Self:
        product, host = self.product, self.endpoint.server_name
        if not product.needs_key_pair:
            return self
        try:
            check_host(product.console_hosts, self.endpoint, product.in_sentences, product.example)
            check_key_pair(
                *self._typed_keys,
                product.key_shapes,
                product.all_slips,
                is_makers_host=host.endswith(product.own_hosts),
            )
        except Failed as failed:
            field = failed.finding.facts.get("field", failed.cause.field)
            raise refused(failed, field=field) from None
        return self

    @model_validator(mode="after")
    def _refuse_temporary_key_without_its_token(self) -> Self:
        product, host = self.product, self.endpoint.server_name
        if not host.endswith(product.own_hosts) or {"sessionToken", "session_token"} & {
            *self._own_options
        }:
            return self
        if re.fullmatch(product.temporary_keys, self._typed_keys[0]):
            raise refused(Failed(SESSION_TOKEN_MISSING, host=host), field="options.sessionToken")
        return self

    @model_validator(mode="after")
    def _refuse_options_of_other_products(self) -> Self:
        try:
            self.options.hide(self.product_options.secrets)
        except ValidationError as error:
            # Pydantic would print the offending value; only the name and the reason are passed on.
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(["options", *(str(part) for part in first["loc"])])
            context = {"field": field, "kind": first["type"], "of_option": first.get("ctx", {})}
            raise PydanticCustomError(OPTION, "an option is not valid", context) from None
        return self

    @model_validator(mode="after")
    def _refuse_expectations_that_are_never_told(self) -> Self:
        known = tuple(self.product.identity)
        for part in self.expected:
            if part not in known:
                facts: dict[str, Fact] = {"product": self.product.in_sentences, "part": part}
                problem = Sentence(NEVER_TOLD, {**facts, **({"told": known} if known else {})})
                raise invalid(problem, field=f"options.expect.{part}")
        return self

    @field_serializer("access_key", "secret_key")
    def _reveal_only_on_request(self, secret: SecretStr, info: SerializationInfo) -> str:
        return secret.get_secret_value() if info.context == REVEAL else str(secret)

    def doubts(self) -> Sequence[Finding]:
        """Return possible faults of the key pair, and of the endpoint's path.

        They contribute if the key pair is rejected: a signature is over the path as well.
        """
        product, endpoint = self.product, self.target
        asked = product.hello(endpoint).path
        is_makers_host = endpoint.server_name.endswith(product.own_hosts)
        return [
            *doubts_about(
                *self._typed_keys,
                product.key_shapes,
                product.all_slips,
                is_makers_host=is_makers_host,
            ),
            *doubts_about_path(endpoint, asked, product.path_doubt),
        ]

    @property
    def _own_options(self) -> Mapping[str, Any]:
        return self.options.model_extra or {}

    @property
    def _typed_keys(self) -> tuple[str, str]:
        return self.access_key.get_secret_value(), self.secret_key.get_secret_value()

    @property
    def product(self) -> AnyProduct:
        """The product that `product_type` names."""
        return PRODUCTS[self.product_type]

    @property
    def product_options(self) -> ProductOptions:
        """The options that the product declares, with its defaults."""
        options: ProductOptions = self.product.options.model_validate(self.options.model_extra)
        return options

    @property
    def expected(self) -> Expected:
        """Whose key pair it must be; empty if nobody in particular."""
        return self.options.expect.given if self.options.expect else {}

    @property
    def target(self) -> Endpoint:
        """The endpoint, with the scheme and the port that the test uses."""
        return self.product.complete(self.endpoint)

    @property
    def steps(self) -> tuple[StepName, ...]:
        """The steps of the test, in their order."""
        return self.product.steps_over(self.target.scheme)

    @property
    def target_name(self) -> str:
        """What tests of the same address have in common: host and port."""
        return f"{self.target.server_name}:{self.target.port}"

    @property
    def credentials(self) -> Credentials:
        """The key pair."""
        secrets = set(self.product_options.secrets.values())
        access_key = self.access_key.get_secret_value()
        is_public = self.product.names_user(access_key) or access_key in self._given_in_clear
        return Credentials(self.access_key, self.secret_key, tuple(secrets), is_public)

    @property
    def _given_in_clear(self) -> set[str]:
        """What the caller names in the endpoint and in options that are no secrets."""
        target = self.target
        host = (target.server_name, target.server_name.partition(".")[0])  # bucket.HOST
        return {*host, *target.path.split("/"), *_texts_in(self.options.model_extra)}


def _texts_in(value: object) -> Iterator[str]:
    """Yield the texts of an option's value, which may be an object or a list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_in(one)


class InspectionTls(_Wire):
    """The authorities to trust in addition to the public ones."""

    ca_certificate: CaCertificate | None = Field(
        default=None,
        description="PEM certificates to trust in addition to the public authorities.",
    )

    @property
    def verify(self) -> bool:
        """The certificate is always judged; nothing secret is sent, whatever the verdict is."""
        return True

    @property
    def fingerprint_sha256(self) -> None:
        """There is no pin: an inspection is how to get one."""


class InspectionOptions(_Wire):
    """Options in addition to the endpoint."""

    timeout_seconds: StrictInt | StrictFloat | None = Field(
        default=None,
        ge=1,
        le=120,
        description="Time limit of the whole inspection in seconds.",
        examples=[30],
    )
    tls: InspectionTls = InspectionTls()
    force: StrictBool = Field(
        default=False,
        description=("Inspect at once, even if many tests of the same address are running."),
    )


class InspectionRequest(_Wire):
    """The host whose certificates are inspected; it contains no secret."""

    endpoint: Annotated[
        Endpoint,
        PlainValidator(_endpoint, json_schema_input_type=str),
        PlainSerializer(str, return_type=str),
    ] = Field(
        description="Endpoint URL or host:port of the platform", examples=["192.168.1.100:8443"]
    )
    product_type: Annotated[_NamedProduct, AfterValidator(_product_type_if_any)] = Field(
        default="",
        description="Product type of the platform, which sets the default port; without it 443",
        examples=["zstack"],
    )
    options: InspectionOptions = InspectionOptions()

    _refuse_beyond_bounds = model_validator(mode="before")(_within_bounds)

    @field_validator("endpoint")
    @classmethod
    def _refuse_plain_http(cls, endpoint: Endpoint) -> Endpoint:
        if endpoint.scheme == "http":
            raise invalid("must not begin with http://, because plain HTTP has no certificate")
        return endpoint

    @property
    def product(self) -> AnyProduct | None:
        """The product that the caller named, if any."""
        return PRODUCTS[self.product_type] if self.product_type else None

    @property
    def target(self) -> Endpoint:
        """The endpoint, with the port to inspect."""
        product = self.product
        own = product.default_port if product and product.default_scheme == "https" else 443
        return self.endpoint.completed("https", 443 if self.endpoint.scheme else own)

    @property
    def target_name(self) -> str:
        """What tests of the same address have in common: host and port."""
        return f"{self.target.server_name}:{self.target.port}"

    @property
    def steps(self) -> tuple[StepName, ...]:
        """The steps of the inspection."""
        return INSPECTION


AnyRequest = JobRequest | InspectionRequest


def queue_target(request: AnyRequest) -> str:
    """Return the target that the job takes turns at, empty where it was forced."""
    return "" if request.options.force else request.target_name


def first_entry(
    request: AnyRequest,
    at: datetime,
    *,
    tenant: str,
    share_of: str = "",
    token_name: str = "",
    client: str = "",
) -> Queued:
    """Return how the story of a job for `request` begins."""
    return Queued(
        at=at,
        tenant=tenant,
        share_of=share_of,
        token_name=token_name,
        client=client,
        product_type=request.product_type,
        endpoint=str(request.target),
        target=queue_target(request),
        steps=request.steps,
    )


class JobMessage(_Wire):
    """The sealed message to a worker: the request, its limits, and when it is too old to run.

    A worker of the version before refuses what it doesn't know: what is new is only written where
    it is used.
    """

    request: AnyRequest
    budget_s: float
    start_by: AwareDatetime
    policy: TargetPolicy = UNLIMITED
    is_metered: bool = False
    """Whether its connections count for the rate limit of their address."""
    targets_per_minute: int | None = Field(default=None, exclude_if=lambda most: most is None)
    """How many different hosts and ports the token may test, those that platforms name included."""
    traceparent: str = ""
    """The span that the test belongs to (W3C Trace Context), if tests are traced."""
    ca_certificate_sha256: str = Field(default="", exclude_if=lambda digest: not digest)
    """The digest of the request's CA certificates where its batch keeps them, once for all."""

    def to_bytes(self) -> bytes:
        """Return the message with its credentials in clear text, for sealing."""
        return self.model_dump_json(by_alias=True, context=REVEAL).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Return the message that `to_bytes` wrote."""
        return cls.model_validate_json(content)
