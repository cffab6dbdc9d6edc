"""What the service can test."""

from datetime import date
from typing import Any, Literal

from conncheck_client.models.jobs import StepName
from conncheck_client.models.wire import AnswerModel


class ProductType(AnswerModel):
    """One kind of platform, as a form or a program needs it."""

    product_type: str
    aliases: tuple[str, ...] = ()
    """Further values of `product_type` that name the same product."""
    title: str
    steps: tuple[StepName, ...]
    """The steps over `default_scheme`; over http there is no tls_handshake."""
    mandatory_steps: tuple[StepName, ...] = ()
    """The steps that every test makes and that must pass; over https tls_handshake too."""
    default_scheme: Literal["http", "https"] | str
    default_port: int
    """Where the endpoint names none."""
    ports: tuple[int, ...]
    """All ports that it is known by."""
    needs_key_pair: bool
    """Whether access_key and secret_key are required."""
    access_key: str
    """What `access_key` means."""
    secret_key: str
    """What `secret_key` means."""
    options: dict[str, Any]
    """JSON Schema of the product's own options, beside those of all."""
    identity: dict[str, str]
    """The parts of `Options.expect` that it tells, and what each is."""
    minimum_version: str | None
    """The oldest version that can be tested."""
    end_of_life: dict[str, date]
    """Until when its maker supports a version, where that is known."""
    sign_in_attempts: int | None
    """How many secrets of one account may be rejected before tests of it stop."""
    example: dict[str, Any]
    """A request."""


class ProductTypes(AnswerModel):
    """All of them, in alphabetical order."""

    items: tuple[ProductType, ...]
