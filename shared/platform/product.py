"""What a product must declare in order to be tested."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, lru_cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.diagnosis.sentences import Sentence
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import AskIdentity, Expected, IdentityPart, Told, expecting
from shared.platform.keys.input_checks import check_credential
from shared.platform.keys.key_forms import KeyShapes, Slip, slips_of
from shared.platform.versions import judging
from shared.steps import Scheme, StepName, steps_for
from shared.text import title_of

LONGEST_CREDENTIAL = 8192  # a Kubernetes or OpenID token can have several kilobytes


def refused(failed: Failed, **context: Any) -> PydanticCustomError:
    """Return the pydantic error for a field that `failed` says is wrong."""
    return invalid(Sentence.of(failed.finding), cause=failed.cause.code, **context)


def invalid(problem: str | Sentence, **context: Any) -> PydanticCustomError:
    """Return the pydantic error for a field with a `problem`; see shared.wire.problems."""
    return PydanticCustomError("invalid", "{problem}", {"problem": problem, **context})


_named = cache(to_camel)
"""Returns the name that a field has for callers."""


def _typed_as_meant(secret: SecretStr, field: ValidationInfo) -> SecretStr:
    try:
        check_credential(secret.get_secret_value(), _named(field.field_name or "credential"))
    except Failed as failed:
        raise refused(failed) from None
    return secret


Secret = Annotated[
    SecretStr,
    Field(min_length=1, max_length=LONGEST_CREDENTIAL),
    AfterValidator(_typed_as_meant),
]
"""A credential, which is in clear text only in sealed messages and signed requests."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key pair of the caller; the product defines what its two parts are."""

    access_key: SecretStr
    secret_key: SecretStr
    """Both are empty if the product needs none."""
    further: tuple[SecretStr, ...] = ()
    """The secret options, which are hidden like the key pair."""
    access_key_is_public: bool = False
    """Whether it is a user's name, or was given in clear as well: then results may show it."""

    @property
    def basic(self) -> str:
        """The pair as an Authorization header of the Basic scheme (RFC 7617)."""
        pair = f"{self.access_key.get_secret_value()}:{self.secret_key.get_secret_value()}"
        return f"Basic {b64encode(pair.encode()).decode()}"


class ProductOptions(BaseModel):
    """The optional request fields that one product declares in addition to the common ones.

    A field that is declared as a `Secret` is sealed and hidden like the key pair.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        field_title_generator=title_of,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
    )

    @property
    def secrets(self) -> Mapping[str, SecretStr]:
        """The secrets that were given, by each name that they can be given by."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        found = {name: value for name, value in given if isinstance(value, SecretStr)}
        return {**found, **{_named(name): value for name, value in found.items()}}


IdentityT = TypeVar("IdentityT")
SessionT = TypeVar("SessionT")
OptionsT = TypeVar("OptionsT", bound=ProductOptions)


def _not_asked(*_: object) -> Any:
    raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Product(Generic[OptionsT, IdentityT, SessionT]):
    """One kind of platform. It opens no connections: its flows yield requests and judge responses.

    hello         the first request, which is safe to send to any kind of platform
    identify      checks by the answer (and further ones) that this is the product, and its state
    authenticate  signs in, once; a request that opens a session has a `sign_out`
    ask_identity  reads whose key pair it is, if a caller expects one that the sign-in did not tell
    authorize     reports by cheap reads what the key pair may do
    service_endpoints  returns name and URL of the platform's other endpoints
    recognizes    returns whether an answer, also a web page, is certainly this product's
    doubts        returns what the answer to hello warns of

    A plain product, which ends before product_identify, declares only hello and doubts.
    """

    name: str
    title: str
    """What a choice of products calls it."""
    access_key_is: str
    secret_key_is: str
    default_scheme: Scheme
    default_port: int
    options: type[OptionsT]
    hello: Callable[[Endpoint], HttpRequest]
    example: str
    """An endpoint, as a caller would give it."""
    example_access_key: str = ""
    """An accessKey in the form that is required, if not every text is taken."""
    aliases: tuple[str, ...] = ()
    """Further names that a productType may have; reports use its own name."""
    noun: str = ""
    """What sentences call it, if that is not its title."""
    identify: Callable[[Endpoint, HttpResponse], Flow[Passed[IdentityT]]] = _not_asked
    authenticate: Callable[[Endpoint, OptionsT, IdentityT, Credentials], Flow[Passed[SessionT]]] = (
        _not_asked
    )
    authorize: Callable[[Endpoint, SessionT], Flow[Passed[None]]] = _not_asked
    service_endpoints: Callable[[SessionT], Sequence[tuple[str, str]]] | None = None
    recognizes: Callable[[HttpResponse], bool] = lambda _: False
    doubts: Callable[[HttpResponse], Sequence[Finding]] = lambda _: ()
    scheme_by_port: Mapping[int, Scheme] = field(default_factory=dict)
    """The ports that the API, or its web pages, are known to be at."""
    service_ports: tuple[int, ...] = ()
    """The usual ports of its service endpoints."""
    ends_after: StepName = "authorize"
    """The last step but service_endpoints; a plain one ends after its layer."""
    minimum_version: str = ""
    """The oldest version that can be tested; any flow's fact `version` is held against it."""
    end_of_life: Mapping[str, date] = field(default_factory=dict)
    """Until when its maker supports a version, by the first parts of the version."""
    identity: Mapping[IdentityPart, Told] = field(default_factory=dict)
    """The parts of an identity that it tells."""
    ask_identity: AskIdentity[SessionT] | None = None
    key_shapes: KeyShapes | None = None
    slips: tuple[Slip, ...] = ()
    """The usual mistakes in its keys, in addition to those that all products share."""
    own_hosts: tuple[str, ...] = ()
    """The ends of the host names that its maker alone serves; keys there have their usual form."""
    console_hosts: str = ""
    """The pattern of the host names of its maker's web console, which is no API."""
    temporary_keys: str = ""
    """The pattern of accessKeys that are worth nothing without their session token."""
    path_doubt: Cause | None = None
    """What a path in the endpoint usually means, if the test fails; a fact is {path}."""
    names_user: Callable[[str], bool] = lambda _: False
    """Whether an accessKey is a name of a user, which is no secret, rather than a key's ID."""
    sign_in_attempts: int | None = None
    """How many secrets of one account it may reject before we stop, one short of its lock-out."""

    @property
    def all_slips(self) -> Sequence[Slip]:
        """The usual mistakes in its keys."""
        return slips_of(self.name, self.slips)

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports that it is known by."""
        return tuple(sorted({self.default_port, *self.scheme_by_port, *self.service_ports}))

    @property
    def usual_ports(self) -> tuple[int, ...]:
        """The ports of its API and web pages, the API's first; a plain product has none."""
        known = (self.default_port, *self.scheme_by_port) if self.needs_key_pair else ()
        return tuple(dict.fromkeys(known))

    def port_facts(self, endpoint: Endpoint) -> dict[str, Fact]:
        """Return what texts can say of its usual port: nothing new where `endpoint` has it."""
        if not self.needs_key_pair:
            return {}
        is_usual = endpoint.port == self.default_port
        facts: dict[str, Fact] = {"default_port": self.default_port}
        return facts if is_usual else {**facts, "usual_port": self.default_port}

    @property
    def in_sentences(self) -> str:
        """What sentences call it."""
        return self.noun or self.title

    @property
    def speaks_http(self) -> bool:
        """Whether a test of it sends a request."""
        return "http_response" in self.steps_over("https")

    @property
    def needs_key_pair(self) -> bool:
        """Whether a test of it signs in."""
        return "authenticate" in self.steps_over("https")

    def steps_over(self, scheme: Scheme | None) -> tuple[StepName, ...]:
        """Return the steps of a test over `scheme`."""
        last = "service_endpoints" if self.service_endpoints else self.ends_after
        return steps_for(scheme, last)

    @lru_cache(maxsize=128)  # noqa: B019 -- there are few products, and they live as long
    def as_of(self, today: date) -> "Product[OptionsT, IdentityT, SessionT]":
        """Return the same product, whose flows judge the version that they find."""
        table = (self.minimum_version, self.end_of_life, today)
        return replace(
            self,
            identify=judging(self.identify, *table),
            authenticate=judging(self.authenticate, *table),
            authorize=judging(self.authorize, *table),
        )

    def expecting(self, expected: Expected) -> "Product[OptionsT, IdentityT, SessionT]":
        """Return the same product, whose sign-in fails with the key pair of another identity."""
        if not expected:
            return self
        return replace(
            self,
            authenticate=expecting(self.authenticate, self.ask_identity, self.identity, expected),
        )

    def complete(self, endpoint: Endpoint) -> Endpoint:
        """Return `endpoint` with the product's scheme and port where the caller gave none.

        A product without HTTP gives it no scheme.
        """
        by_port: dict[int, Scheme] = {80: "http", 443: "https", **self.scheme_by_port}
        if endpoint.scheme:
            return endpoint.completed(endpoint.scheme, 443 if endpoint.scheme == "https" else 80)
        port = endpoint.port or self.default_port
        if not self.speaks_http:
            return replace(endpoint, port=port)
        return endpoint.completed(by_port.get(port, self.default_scheme), port)
