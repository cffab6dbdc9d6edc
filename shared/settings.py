"""Every setting of conncheck, read from the environment as CONNCHECK_NAME."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr, WithJsonSchema
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.endpoint import Endpoint, parse_endpoint
from shared.diagnosis.outcomes import Failed
from shared.sealing import Opener, Sealer

PREFIX = "CONNCHECK_"

Network = IPv4Network | IPv6Network


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be networks like 10.0.0.0/8, comma separated") from None


def _secrets(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(SecretStr(part.strip()) for part in value.split(",") if part.strip())


def _public_key(key: str) -> str:
    if key:
        Sealer(key)
    return key


def _private_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    Opener([key.get_secret_value() for key in keys])
    return keys


def _services(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = [parse_endpoint(part.strip()) for part in value.split(",") if part.strip()]
        are_complete = all(e.port and not e.scheme and not e.path for e in found)
    except Failed:
        are_complete = False
    if not are_complete:
        raise ValueError("must be like api.example.com:8000, comma separated")
    return tuple(found)


def _domains(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip().strip(".") for part in value.split(",") if part.strip()]
    try:
        found = [parse_endpoint(part) for part in parts]
        are_names = all(str(e) == e.host and ":" not in e.host for e in found)
    except Failed:
        are_names = False
    if not are_names:
        raise ValueError("must be domains like corp.internal, comma separated")
    return tuple(e.host for e in found)


def _ports(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part[:6]) < 65536 for part in parts):
        raise ValueError("must be ports like 8443, comma separated")
    return tuple(map(int, parts))


def _canaries(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = [parse_endpoint(part.strip()) for part in value.split(",") if part.strip()]
        are_addresses = all(ip_address(e.host) and e.port and not e.scheme for e in found)
    except (Failed, ValueError):
        are_addresses = False
    if not are_addresses:
        raise ValueError("must be like 10.0.0.1:443, comma separated; an address, no name")
    return tuple(found)


def _is_redis_url(url: str) -> bool:
    # Here, because it takes 60 ms to load, and the command line can do without a Redis.
    from shared.store.connection import is_redis_url

    return is_redis_url(url)


def _redis_url(url: SecretStr) -> SecretStr:
    if not _is_redis_url(url.get_secret_value()):
        raise ValueError("must be like redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH")
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text and not _is_amqp_url(text) and not _is_redis_url(text):
        raise ValueError("must be like amqp://USER:PASSWORD@HOST:5672//, or the URL of a Redis")
    return url


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if url and not (parts.hostname and (parts.scheme == "https" or is_here)):
        raise ValueError("must be an https URL")
    return url


def _is_amqp_url(url: str) -> bool:
    try:
        is_spelled_well = urlsplit(url).port != 0
    except ValueError:
        return False
    return is_spelled_well and url.startswith(("amqp://", "amqps://"))


_TEXTS_SCHEMA = {"type": "array", "items": {"type": "string"}, "default": []}
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
Canaries = Annotated[
    tuple[Endpoint, ...], NoDecode, BeforeValidator(_canaries), WithJsonSchema(_TEXTS_SCHEMA)
]
Services = Annotated[
    tuple[Endpoint, ...], NoDecode, BeforeValidator(_services), WithJsonSchema(_TEXTS_SCHEMA)
]
Domains = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_domains)]
Ports = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_ports)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_secrets)]


class Settings(BaseSettings):
    """What can be set; each process is given only what it needs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True)

    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        default=None,
        description="Redis for the job store and the queue: redis://, rediss:// or unix://. "
        "`conncheck up` starts its own where this is not set.",
    )
    broker_url: Annotated[SecretStr, AfterValidator(_broker_url)] | None = Field(
        default=None, description="Another broker for the queue, e.g. a second Redis or amqp://."
    )
    tokens: Secrets = Field(
        default=(),
        description="Who may call the API: `name:token` or `name:sha256:HEX`, comma separated.",
    )
    tokens_file: FilePath | None = Field(
        default=None,
        description="JSON file of tokens with tenant, scopes and limits, read again when it "
        "changes; `conncheck token` writes it.",
    )
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        default="",
        description="OpenID provider whose JSON Web Tokens let callers in as well, e.g. "
        "https://login.example.com/realms/cloud.",
    )
    oidc_audience: str = Field(
        default="",
        description="What must stand in a JSON Web Token's `aud`; needed with an issuer.",
    )
    oidc_tenant_claim: str = Field(
        default="sub",
        min_length=1,
        description="Claim that names the tenant; it is `oidc:` and the claim's value.",
    )
    oidc_scopes_claim: str = Field(
        default="scope",
        min_length=1,
        description="Claim that lists the scopes, as words or as a list; dots lead into nested "
        "claims, e.g. realm_access.roles.",
    )
    oidc_scope_prefix: str = Field(
        default="conncheck:",
        description="What precedes test, bulk, read and admin in that claim.",
    )
    sealing_public_key: Annotated[str, AfterValidator(_public_key)] | None = Field(
        default=None,
        description="Seals credentials for the workers; the API needs it. Base64 of an X25519 key; "
        "`conncheck keys` makes a pair.",
    )
    sealing_private_keys: Annotated[Secrets, AfterValidator(_private_keys)] = Field(
        default=(),
        description="Open what was sealed, newest first, comma separated; only workers need them.",
    )
    allowed_networks: Networks = Field(
        default=(),
        description="CIDRs that may be tested although the default policy refuses them, "
        "e.g. 127.0.0.0/8 on a laptop.",
    )
    denied_networks: Networks = Field(
        default=(),
        description="CIDRs that nobody may have tested, e.g. those of the nodes that run "
        "conncheck; they win over CONNCHECK_ALLOWED_NETWORKS.",
    )
    allowed_domains: Domains = Field(
        default=(),
        description="Domains that may be tested although the default policy refuses names of the "
        "inside (svc, cluster.local, internal), e.g. corp.internal.",
    )
    own_services: Services = Field(
        default=(),
        description="HOST:PORT of the service's own parts, e.g. the API, which nobody may have "
        "tested; Redis and the broker are known.",
    )
    extra_ports: Ports = Field(
        default=(),
        description="Ports that tokens without ports of their own may have tested, beside those "
        "of the products, 80 and 443.",
    )
    require_tls: bool = Field(
        default=False, description="Whether platforms are tested over HTTPS alone."
    )
    require_tls_verify: bool = Field(
        default=False,
        description="Whether options.tls.verify=false is refused, unless a fingerprint is given.",
    )
    job_deadline_s: float = Field(
        default=30, gt=0, le=600, description="The whole test's budget in seconds."
    )
    investigate_s: float = Field(
        default=3,
        ge=0,
        le=30,
        description="How long a failure is looked into, beside the test's budget, in seconds.",
    )
    canaries: Canaries = Field(
        default=(),
        description="ADDRESS:PORT of hosts that answer whenever the workers' own network works, "
        "comma separated; where none does, no platform is blamed.",
    )
    result_ttl_s: int = Field(
        default=86_400, gt=0, description="How long results are kept, in seconds."
    )
    max_queued: int = Field(
        default=10_000, gt=0, description="Jobs that may wait; above that the API answers 503."
    )
    target_rate: int = Field(
        default=120,
        gt=0,
        description="Tests a minute of one host and port by all tokens of the token file together.",
    )
    address_rate: int = Field(
        default=1200,
        gt=0,
        description="Tests a minute that connect to one address and port, by all tokens of the "
        "token file together, whatever names lead to it.",
    )
    per_target: int = Field(
        default=4, gt=0, description="Tests that run at once against one host and port."
    )
    drain_s: float = Field(
        default=20, ge=0, description="How long a worker that is told to stop finishes what it has."
    )
    worker_slots: int = Field(
        default=200, gt=0, le=2000, description="Tests that one worker process runs at a time."
    )
    ca_file: FilePath | None = Field(
        default=None, description="PEM file of authorities to trust beside the public ones."
    )
    max_body_bytes: int = Field(
        default=1_048_576, gt=0, description="Largest request body that the API reads."
    )
    max_batch: int = Field(
        default=50_000, gt=0, le=1_000_000, description="Items that one batch may have."
    )
    max_upload_bytes: int = Field(
        default=67_108_864, gt=0, description="Largest upload of a batch that the API reads."
    )
    batch_deadline_s: int = Field(
        default=14_400,
        gt=0,
        description="How long a batch's tests may wait to begin or be repeated, in seconds; then "
        "its sealed requests go.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of the proxies before the API, with commas between; "
        "from them alone X-Forwarded-For is believed, for the audit log.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that /metrics asks for; anybody may read it if unset.",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern="^https?://",
        description="OpenTelemetry collector to send traces to (OTLP over HTTP), "
        "e.g. http://127.0.0.1:4318.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )

    @property
    def queue_url(self) -> str | None:
        """Where the queue lives: the broker's URL if there is one, else that of the store."""
        url = self.broker_url or self.redis_url
        return url.get_secret_value() if url else None


def setting_names() -> dict[str, str]:
    """Return each setting's environment variable with its description."""
    return {
        PREFIX + name.upper(): field.description or ""
        for name, field in Settings.model_fields.items()
    }
