"""What the operator of the service lets nobody do; the API and each worker ask it alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.diagnosis.outcomes import Failed
from shared.settings import Settings
from shared.policy.target_policy import TargetPolicy, ends_with

INTERNAL_NAME = Cause(
    code="policy.internal_name",
    owner="us",
    summary="{host} is a name of the inside of a cluster or a cloud, which is not tested",
    remedies=(
        "Correct the endpoint if another host was meant.",
        "Ask the operators to add the domain to CONNCHECK_ALLOWED_DOMAINS if platforms are in it.",
    ),
    field="endpoint",
)
TLS_REQUIRED = Cause(
    code="policy.tls_required",
    owner="caller",
    summary="This service tests over HTTPS alone, and {host} port {port} would be plain HTTP",
    remedies=("Begin the endpoint with https://, and give the port that speaks HTTPS.",),
    field="endpoint",
)
VERIFY_REQUIRED = Cause(
    code="policy.tls_verify_required",
    owner="caller",
    summary="This service does not test without checking who {host} is: "
    "options.tls.verify must not be false",
    remedies=(
        "Take options.tls.verify out, and give options.tls.caCertificate for an authority of "
        "your own.",
        "Give options.tls.fingerprintSha256 for a self-signed certificate.",
    ),
    field="options.tls.verify",
)

# Kubernetes' own services, and what clouds (metadata.google.internal) and companies keep inside.
INTERNAL_DOMAINS = ("svc", "cluster.local", "internal")


class _Tls(Protocol):
    @property
    def verify(self) -> bool: ...
    @property
    def fingerprint_sha256(self) -> str | None: ...


class _Options(Protocol):
    @property
    def tls(self) -> _Tls: ...


class Request(Protocol):
    """What is judged of a request of any kind."""

    @property
    def target(self) -> Endpoint:
        """Where the test goes, complete."""

    @property
    def options(self) -> _Options:
        """How it is tested."""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """The operator's word for everybody; the default refuses internal names alone."""

    allowed_domains: Sequence[str] = ()
    requires_tls: bool = False
    requires_tls_verify: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "ServicePolicy":
        """Return what the settings say."""
        return cls(settings.allowed_domains, settings.require_tls, settings.require_tls_verify)

    def check(self, request: Request, policy: TargetPolicy) -> None:
        """Refuse what nobody may have, and what a caller with `policy` may not.

        Addresses of names are judged when they are connected to.

        Raises:
            Failed: one of the causes above, or of shared.policy.target_policy.
        """
        self.check_target(request.target, policy)
        tls = request.options.tls
        if self.requires_tls_verify and not tls.verify and not tls.fingerprint_sha256:
            raise Failed(VERIFY_REQUIRED, host=request.target.server_name)

    def check_target(self, target: Endpoint, policy: TargetPolicy) -> None:
        """Refuse a place to test at, whoever named it.

        Raises:
            Failed: as `check` does.
        """
        name, port = target.server_name, target.port or 0
        policy.check(target)
        if ends_with(name, INTERNAL_DOMAINS) and not ends_with(name, self.allowed_domains):
            raise Failed(INTERNAL_NAME, host=name)
        if self.requires_tls and target.scheme != "https":
            raise Failed(TLS_REQUIRED, host=name, port=port)


DEFAULT = ServicePolicy()
