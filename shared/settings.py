"""Every setting of conncheck, read from the environment as CONNCHECK_NAME."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr, WithJsonSchema
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.endpoint import Endpoint, parse_endpoint
from shared.outcomes import Failed
from shared.redis_connection import is_redis_url
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


def _redis_url(url: SecretStr) -> SecretStr:
    if not is_redis_url(url.get_secret_value()):
        raise ValueError("must be like redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH")
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text and not _is_amqp_url(text) and not is_redis_url(text):
        raise ValueError("must be like amqp://USER:PASSWORD@HOST:5672//, or the URL of a Redis")
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
