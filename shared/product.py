"""What a product must say of itself in order to be tested."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.alias_generators import to_camel

from shared.endpoint import Endpoint, Scheme
from shared.http import Flow, HttpRequest, HttpResponse
from shared.outcomes import Passed


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key pair of the caller; what the two mean is the product's to say."""

    access_key: SecretStr
    secret_key: SecretStr


class ProductOptions(BaseModel):
    """The optional request fields that one product declares beside the common ones."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )


IdentityT = TypeVar("IdentityT")
SessionT = TypeVar("SessionT")
OptionsT = TypeVar("OptionsT", bound=ProductOptions)


@dataclass(frozen=True, slots=True)
class Product(Generic[OptionsT, IdentityT, SessionT]):
    """One kind of platform. It opens nothing: its flows say what to ask and what answers mean.

    hello         the request that a platform of any kind can be asked first
    identify      tells from the answer (and further ones) that this is the product, and how it is
    authenticate  signs in, once
    authorize     tells from one cheap read what the key pair may do
    recognizes    tells whether an answer is surely this product's, its web pages' included
    """

    name: str
    title: str
    access_key_is: str
    secret_key_is: str
    default_scheme: Scheme
    default_port: int
    options: type[OptionsT]
    hello: Callable[[Endpoint], HttpRequest]
    identify: Callable[[Endpoint, HttpResponse], Flow[Passed[IdentityT]]]
    authenticate: Callable[[Endpoint, OptionsT, IdentityT, Credentials], Flow[Passed[SessionT]]]
    authorize: Callable[[Endpoint, SessionT], Flow[Passed[None]]]
    recognizes: Callable[[HttpResponse], bool] = lambda _: False
    scheme_by_port: Mapping[int, Scheme] = field(default_factory=dict)
    sign_in_attempts: int | None = None
    """How many secrets of one account it may reject before we stop, one short of its lock-out."""

    @property
    def usual_ports(self) -> tuple[int, ...]:
        """The ports that this product is known to listen on, the API's first."""
        return tuple(dict.fromkeys([self.default_port, *self.scheme_by_port]))

    def complete(self, endpoint: Endpoint) -> Endpoint:
        """Return `endpoint` with the product's scheme and port where the caller gave none."""
        by_port: dict[int, Scheme] = {80: "http", 443: "https", **self.scheme_by_port}
        if endpoint.scheme:
            return endpoint.completed(endpoint.scheme, 443 if endpoint.scheme == "https" else 80)
        port = endpoint.port or self.default_port
        return endpoint.completed(by_port.get(port, self.default_scheme), port)
