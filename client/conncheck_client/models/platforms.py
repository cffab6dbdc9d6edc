"""What is to be tested, typed; every call takes a plain mapping of the same JSON as well."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, TypeAdapter

from conncheck_client.models.wire import RequestModel


class TlsOptions(RequestModel):
    """How the platform's certificate is judged."""

    verify: bool = True
    """Whether the certificate must be valid for the host. Without it, the signature of the key
    pair goes to whoever answers."""
    ca_certificate: str | None = None
    """PEM certificates to trust beside the public authorities."""
    fingerprint_sha256: str | None = None
    """SHA-256 of the one certificate to accept, hexadecimal, colons allowed."""


class ExpectedIdentity(RequestModel):
    """Whose key pair it must be; each value is the ID or the name that the platform tells."""

    account: str | None = None
    """The account that the key pair must belong to."""
    tenant: str | None = None
    """The tenant or project that it must belong to."""
    user: str | None = None
    """The user that it must belong to."""


class Options(RequestModel):
    """What may be said beside the platform and its key pair.

    The service judges the values. An option that is newer than this client goes as a mapping:
    `client.test({**..., "options": {...}})`.
    """

    timeout_seconds: float | None = None
    """The whole test's budget in seconds."""
    tls: TlsOptions = TlsOptions()
    force: bool = False
    """Test at once, also where many test the same address, and present a key pair that was just
    rejected."""
    site: str | None = None
    """The site that makes the test; without it, the service chooses one."""
    expect: ExpectedIdentity | None = None
    """Whose key pair it must be; `ProductType.identity` says which parts a product tells."""
    mock: str | None = None
    """Answer without testing anything: healthy, or the code of a cause."""

    session_token: SecretStr | None = None
    """aws, s3, alibabacloud, tencentcloud, huaweicloud: the token of a temporary key pair."""
    region: str | None = None
    """aws, s3, openstack, alibabacloud, tencentcloud."""
    bucket: str | None = None
    """s3: the bucket to read."""
    sign_in_with: Literal["applicationCredential", "password"] | None = None
    """openstack: what the key pair is."""
    domain: str | None = None
    """openstack: the user's domain."""
    project: str | None = None
    """openstack: name or id of the project to work in."""
    interface: Literal["public", "internal", "admin"] | None = None
    """openstack: which endpoints of the catalogue are used, the public ones by default."""
    kind: Literal["vcenter", "esxi"] | None = None
    """vsphere: which of the two the endpoint must be; either where not given."""
    time_zone: str | None = None
    """zstack, zsphere, zstack_cube: the server's time zone, if it is known."""


class Platform(RequestModel):
    """The platform to test and the key pair to test it with; tcp, http and https need none.

    The key pair is in no repr, no log and no error of this client.
    """

    product_type: str
    """Such as zstack; `Client.product_types` lists all."""
    endpoint: str
    """host, host:port or an http(s) URL; IPv6 in brackets."""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    options: Options = Options()


class BatchRow(Platform):
    """A platform of a batch, with what you call it: all of that is repeated in its result."""

    name: str = ""
    ref: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    """Such as {"owner": "Alice"}: results can be filtered and grouped by them."""


class InspectionTls(RequestModel):
    """Which authorities vouch for the certificate."""

    ca_certificate: str | None = None
    """PEM certificates to trust beside the public authorities."""


class InspectionOptions(RequestModel):
    """What may be said beside the endpoint."""

    timeout_seconds: float | None = None
    """The whole inspection's budget in seconds."""
    tls: InspectionTls = InspectionTls()
    force: bool = False
    """Inspect at once, also where many test the same address."""
    site: str | None = None
    """The site that makes the inspection; without it, the service chooses one."""


class InspectionRequest(RequestModel):
    """The host whose certificates are inspected; nothing in it is secret."""

    endpoint: str
    """host, host:port or an https URL."""
    product_type: str = ""
    """Product type of the platform, for its usual port; else 443."""
    options: InspectionOptions = InspectionOptions()


PlatformLike = Platform | Mapping[str, Any]
"""A Platform, or the JSON of the documented call as a mapping."""
BatchRowLike = BatchRow | PlatformLike
InspectionLike = InspectionRequest | Mapping[str, Any]
_JSON = TypeAdapter[Any](Any)


def json_of(request: RequestModel | Mapping[str, Any]) -> bytes:
    """Return the body of a call: what was given, with its secrets in clear."""
    return _JSON.dump_json(_in_clear(request))


def together(request: RequestModel | Mapping[str, Any], **further: Any) -> Mapping[str, Any]:
    """Return a request as a mapping, with `further` members and its secrets in clear."""
    return {**_in_clear(request), **further}


def ndjson_of(rows: Iterable[BatchRowLike]) -> bytes:
    """Return the body of a batch: a line for each platform."""
    return b"".join(json_of(row) + b"\n" for row in rows)


def _in_clear(value: Any) -> Any:
    if isinstance(value, RequestModel):
        value = value.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {name: _in_clear(member) for name, member in value.items()}
    return value
