"""Every setting of conncheck, read from the environment as CONNCHECK_NAME."""

import os
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    WithJsonSchema,
)

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.policy.service_policy import ServicePolicy
from shared.site_name import DEFAULT_SITE, SiteName
from shared.text import printable

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
        from shared.sealing import Sealer  # here, as below

        Sealer(key)
    return key


def _private_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if keys:
        # Here, because it takes 40 ms to load, and the command line can do without keys.
        from shared.sealing import Opener

        Opener([key.get_secret_value() for key in keys])
    return keys


def _site_rules(text: str) -> str:
    if text:
        from shared.sites.site_rules import SiteRules  # here: most commands need none

        SiteRules.parse(text)
    return text


def _signing_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if keys:
        from shared.signing import Signer  # here, as above

        Signer([key.get_secret_value() for key in keys])
    return keys


def _verification_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    if keys:
        from shared.signing import Verifier  # here, as above

        Verifier(keys)
    return keys


def _texts(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _services(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = [parse_endpoint(part.strip()) for part in value.split(",") if part.strip()]
        are_complete = all(e.port and not e.scheme and not e.path for e in found)
    except Failed:
        are_complete = False
    if not are_complete:
        raise ValueError("must be HOST:PORT like api.example.com:8000, comma separated")
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
        raise ValueError("must be like 10.0.0.1:443, comma separated; an address, not a name")
    return tuple(found)


def _is_redis_url(url: str) -> bool:
    # Imported here: it takes 60 ms to load, and the command line does not need Redis.
    from shared.store.connection import is_redis_url

    return is_redis_url(url)


_REDIS_FORMS = (
    "redis://HOST:6379/0, rediss://HOST:6379/0, unix:///PATH or "
    "redis+sentinel://HOST1,HOST2,HOST3/SERVICE/0"
)


def without_password(url: str) -> str:
    """Return the part of a URL that has no secret in it, even where it is not a valid one."""
    scheme, separator, rest = url.partition("://")
    where = rest.rpartition("@")[2].partition("?")[0]
    # An unescaped @ may stand in a password among the options.
    is_clear = separator and "@" not in rest.partition("?")[2] and "=" not in where
    return printable(
        f"{scheme}://{'***@' if '@' in rest else ''}{where}" if is_clear else "the URL"
    )


def _redis_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if not _is_redis_url(text):
        if text.startswith("redis://") and "ssl_" in text.partition("?")[2]:
            raise ValueError("has options for TLS (ssl_...), which only rediss:// takes")
        raise ValueError(f"must be like {_REDIS_FORMS}; {without_password(text)} is not")
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text and not _is_amqp_url(text) and not _is_redis_url(text):
        forms = f"amqp://USER:PASSWORD@HOST:5672//, {_REDIS_FORMS}"
        raise ValueError(f"must be like {forms}; {without_password(text)} is not")
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
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
Canaries = Annotated[
    tuple[Endpoint, ...], BeforeValidator(_canaries), WithJsonSchema(_TEXTS_SCHEMA)
]
Services = Annotated[
    tuple[Endpoint, ...], BeforeValidator(_services), WithJsonSchema(_TEXTS_SCHEMA)
]
Domains = Annotated[tuple[str, ...], BeforeValidator(_domains)]
Ports = Annotated[tuple[int, ...], BeforeValidator(_ports)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_secrets)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class Settings(BaseModel):
    """All settings; give each process only those that it needs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        default=None,
        description=(
            "Redis for the job store and the queue: redis://, rediss:// or unix://; or "
            "redis+sentinel://USER:PASSWORD@HOST1,HOST2,HOST3/SERVICE/DB where sentinels watch it "
            "(rediss+sentinel:// with TLS), with ?sentinel_password= if they have one. If it is "
            "not set, `conncheck up` starts its own."
        ),
    )
    broker_url: Annotated[SecretStr, AfterValidator(_broker_url)] | None = Field(
        default=None, description="Another broker for the queue, e.g. a second Redis or amqp://."
    )
    tokens: Secrets = Field(
        default=(),
        description=(
            "Tokens that may call the API: `name:token` or `name:sha256:HEX`, comma separated."
        ),
    )
    tokens_file: FilePath | None = Field(
        default=None,
        description=(
            "JSON file of tokens with tenant, scopes, sites and limits, reloaded when it changes; "
            "`conncheck token` writes it."
        ),
    )
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        default="",
        description=(
            "OpenID provider whose JSON Web Tokens are accepted too, e.g. "
            "https://login.example.com/realms/cloud."
        ),
    )
    oidc_audience: str = Field(
        default="",
        description="Required `aud` of a JSON Web Token; must be set together with the issuer.",
    )
    oidc_tenant_claim: str = Field(
        default="sub",
        min_length=1,
        description="Claim that names the tenant; the tenant is `oidc:` followed by its value.",
    )
    oidc_scopes_claim: str = Field(
        default="scope",
        min_length=1,
        description=(
            "Claim that lists the scopes, separated by spaces or as a list; dots select nested "
            "claims, e.g. realm_access.roles."
        ),
    )
    oidc_scope_prefix: str = Field(
        default="conncheck:",
        description="Prefix of test, bulk, read and admin in the scopes claim.",
    )
    site: SiteName = Field(default=DEFAULT_SITE, description="The site that a worker tests from.")
    sealing_public_key: Annotated[str, AfterValidator(_public_key)] | None = Field(
        default=None,
        description=(
            "Public key that the API seals credentials for the workers with. Base64 of an X25519 "
            "key; `conncheck keys` creates a pair."
        ),
    )
    sealing_private_keys: Annotated[Secrets, AfterValidator(_private_keys)] = Field(
        default=(),
        description=(
            "Private keys that open sealed credentials, newest first, comma separated; only "
            "workers need them."
        ),
    )
    sites_file: FilePath | None = Field(
        default=None,
        description=(
            "JSON file that declares the sites, for the API; reloaded when it changes. "
            "`conncheck sites` writes it. Without it, `default` is the only site."
        ),
    )
    site_rules: Annotated[str, AfterValidator(_site_rules)] = Field(
        default="",
        description=(
            "Which site tests an endpoint when a call names none, e.g. "
            "`fra1=10.20.0.0/16,fra.example.com; sin1=10.30.0.0/16`. A domain stands for itself "
            "and all names below it, `*` for all other endpoints. The longest prefix or domain "
            "wins; an endpoint that no rule matches is tested from `default`. The endpoint is "
            "compared as it is written: its name is not looked up."
        ),
    )
    signing_private_keys: Annotated[Secrets, AfterValidator(_signing_keys)] = Field(
        default=(),
        description=(
            "Private keys of the API, newest first, comma separated; it signs each job with the "
            "first. Base64 of Ed25519 keys; `conncheck keys` creates one."
        ),
    )
    signing_public_keys: Annotated[Texts, AfterValidator(_verification_keys)] = Field(
        default=(),
        description=(
            "Public keys that belong to them, newest first, comma separated: a worker that has any "
            "runs only jobs that are signed with one."
        ),
    )
    allowed_networks: Networks = Field(
        default=(),
        description=(
            "CIDRs to allow although the default policy refuses them, e.g. 127.0.0.0/8 on a "
            "laptop. A wider one than the refused network does not allow it: 169.254.0.0/16 allows "
            "link-local addresses, but not the metadata service 169.254.169.254/32."
        ),
    )
    denied_networks: Networks = Field(
        default=(),
        description=(
            "CIDRs that no caller may test, e.g. those of the nodes that run conncheck; they "
            "override CONNCHECK_ALLOWED_NETWORKS."
        ),
    )
    allowed_domains: Domains = Field(
        default=(),
        description=(
            "Domains to allow although the default policy refuses internal names (svc, "
            "cluster.local, internal), e.g. corp.internal."
        ),
    )
    own_services: Services = Field(
        default=(),
        description=(
            "HOST:PORT of the service's own parts, e.g. the API, which no caller may test; Redis "
            "and the broker are included automatically."
        ),
    )
    extra_ports: Ports = Field(
        default=(),
        description=(
            "Ports that a token without its own port list may test, in addition to 80, 443 and "
            "the ports of the products."
        ),
    )
    require_tls: bool = Field(
        default=False, description="Whether platforms are tested only over HTTPS."
    )
    require_tls_verify: bool = Field(
        default=False,
        description="Whether options.tls.verify=false is refused unless a fingerprint is set.",
    )
    job_deadline_s: float = Field(
        default=30, gt=0, le=600, description="Time limit of the whole test in seconds."
    )
    investigate_s: float = Field(
        default=3,
        ge=0,
        le=30,
        description=(
            "Time for investigating a failure, in addition to the test's time limit, in seconds."
        ),
    )
    canaries: Canaries = Field(
        default=(),
        description=(
            "ADDRESS:PORT of hosts that answer whenever the workers' own network works, comma "
            "separated; if none answers, no platform is blamed."
        ),
    )
    result_ttl_s: int = Field(
        default=86_400, gt=0, description="How long results are kept, in seconds."
    )
    max_kept: int = Field(
        default=500_000,
        gt=0,
        description=(
            "Results that one tenant may have kept, of single tests and of items of batches; "
            "beyond that the API answers 429."
        ),
    )
    max_queued: int = Field(
        default=10_000,
        gt=0,
        description=("Jobs that may wait in the queue; beyond that the API answers 503."),
    )
    max_streams: int = Field(
        default=2000,
        gt=0,
        description=(
            "Event streams, downloads of results, and calls that wait for a test, that one tenant "
            "may have open at one API process; "
            "beyond that it answers 429."
        ),
    )
    target_rate: int = Field(
        default=120,
        gt=0,
        description=(
            "Tests per minute of one host and port, by all tokens of the token file together."
        ),
    )
    address_rate: int = Field(
        default=1200,
        gt=0,
        description=(
            "Tests per minute that connect to one address and port, under any name, by all tokens "
            "of the token file together."
        ),
    )
    per_target: int = Field(
        default=4, gt=0, description="Tests that run at the same time against one host and port."
    )
    tenant_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description=(
            "Largest part of the slots of all workers of a queue that the tests of one tenant "
            "take; tokens of CONNCHECK_TOKENS are exempt. 1 for no limit."
        ),
    )
    drain_s: float = Field(
        default=20,
        ge=0,
        le=3600,
        description="Time that a stopping part has to finish what it has, in seconds: a worker its "
        "running tests, an API its calls.",
    )
    worker_slots: int = Field(
        default=200,
        gt=0,
        le=2000,
        description=("Tests that one worker process runs at the same time."),
    )
    ca_file: FilePath | None = Field(
        default=None,
        description=("PEM file of authorities to trust in addition to the public ones."),
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        gt=0,
        description=("Largest request body that the API accepts, in bytes."),
    )
    max_batch: int = Field(
        default=50_000, gt=0, le=1_000_000, description="Largest number of items in one batch."
    )
    max_batches_per_tenant: int = Field(
        default=100,
        gt=0,
        description=(
            "Batches of one tenant that may be unfinished at the same time; tokens of "
            "CONNCHECK_TOKENS are exempt."
        ),
    )
    max_upload_bytes: int = Field(
        default=67_108_864,
        gt=0,
        description=("Largest batch upload that the API accepts, in bytes."),
    )
    batch_deadline_s: int = Field(
        default=14_400,
        gt=0,
        description=(
            "How long a batch's tests may wait to start or be repeated, in seconds; then its "
            "sealed requests are deleted."
        ),
    )
    trusted_proxies: str = Field(
        default="",
        description=(
            "Addresses and networks of the proxies in front of the API, comma separated; "
            "X-Forwarded-For is used in the audit log only if it comes from one of them."
        ),
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description=(
            "Bearer token that /metrics and /metrics/workers require; if it is not set, they are "
            "public."
        ),
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

    @classmethod
    def of_environment(cls) -> Self:
        """Return the settings of the environment; case does not matter in their names.

        Raises:
            ValidationError: a value is not valid.
        """
        given = {name.upper(): value for name, value in os.environ.items()}
        variables = {name: PREFIX + name.upper() for name in cls.model_fields}
        return cls.model_validate(
            {name: given[variable] for name, variable in variables.items() if variable in given}
        )

    @property
    def service_policy(self) -> ServicePolicy:
        """The operator's policy for every caller."""
        return ServicePolicy(self.allowed_domains, self.require_tls, self.require_tls_verify)

    @property
    def queue_url(self) -> str | None:
        """The URL of the queue: the broker's if there is one, else the store's."""
        url = self.broker_url or self.redis_url
        return url.get_secret_value() if url else None


def setting_names() -> dict[str, str]:
    """Return each setting's environment variable with its description."""
    return {
        PREFIX + name.upper(): field.description or ""
        for name, field in Settings.model_fields.items()
    }
