"""The request of the documented call."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Self

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    SerializationInfo,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.diagnosis.sentences import Sentence
from shared.endpoint import Endpoint
from shared.platform.keys.identity import Expected
from shared.platform.keys.input_checks import (
    check_host,
    check_key_pair,
    doubts_about,
    doubts_about_path,
)
from shared.platform.keys.key_pair import SESSION_TOKEN_MISSING
from shared.platform.product import Credentials, ProductOptions, Secret, invalid, refused
from shared.products import PRODUCTS, AnyProduct
from shared.request.fields import NamedProduct, TypedEndpoint, Wire, is_plain, within_bounds
from shared.request.options import REVEAL, Options
from shared.steps import StepName

OPTION: Final = "option"
"""Pydantic's type of the error that an option of a product is not valid; its context says why."""

NEVER_TOLD: Final = "{product} does not tell the {part} of a key pair[; what it tells is {told}]"


def _key_pair_unless_plain(schema: dict[str, Any]) -> None:
    pair = ["accessKey", "secretKey"]
    schema["required"] = [name for name in schema["required"] if name not in pair]
    names = [name for name, product in PRODUCTS.items() if not product.needs_key_pair]
    plain = {"properties": {"productType": {"enum": names}}}
    schema["anyOf"] = [{"required": pair}, plain]


class JobRequest(Wire):
    """The platform to test and the key pair to test it with; a plain product needs none."""

    model_config = ConfigDict(json_schema_extra=_key_pair_unless_plain)

    product_type: NamedProduct = Field(
        description="Product type of the platform to test", examples=["zstack"]
    )
    endpoint: TypedEndpoint = Field(
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
        within_bounds(content)
        if isinstance(content, dict) and is_plain(content.get("productType")):
            return {"accessKey": "", "secretKey": "", **content}
        return content

    @field_validator("access_key", "secret_key", mode="wrap")
    @classmethod
    def _may_be_empty_without_sign_in(
        cls, value: Any, validate: Callable[[Any], SecretStr], info: ValidationInfo
    ) -> SecretStr:
        is_left_out = value == "" and is_plain(info.data.get("product_type"))
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

    @cached_property
    def product_options(self) -> ProductOptions:
        """The options that the product declares, with its defaults."""
        options: ProductOptions = self.product.options.model_validate(self.options.model_extra)
        return options

    @property
    def expected(self) -> Expected:
        """Whose key pair it must be; empty if nobody in particular."""
        return self.options.expect.given if self.options.expect else {}

    @cached_property
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
        target = self.target
        return f"{target.server_name}:{target.port}"

    @cached_property
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
