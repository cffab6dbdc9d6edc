"""The operator's policy for every caller; the API and each worker apply it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.policy.target_policy import Policy, ends_with

INTERNAL_NAME = Cause(
    code="policy.internal_name",
    owner="us",
    summary=(
        "{host} is an internal name of a cluster, a cloud or a container engine; this service does "
        "not test such names"
    ),
    remedies=(
        "Correct the endpoint if you meant another host.",
        "Ask the operators of this service to add the domain to CONNCHECK_ALLOWED_DOMAINS if it "
        "contains platforms.",
    ),
    field="endpoint",
)
TLS_REQUIRED = Cause(
    code="policy.tls_required",
    owner="caller",
    summary="This service tests only over HTTPS, and {host} port {port} would be plain HTTP",
    remedies=("Use https:// in the endpoint, with the port that serves HTTPS.",),
    field="endpoint",
)
TLS_VERIFY_REQUIRED = Cause(
    code="policy.tls_verify_required",
    owner="caller",
    summary=(
        "This service does not test {host} without verifying its identity: options.tls.verify "
        "must not be false"
    ),
    remedies=(
        "Remove options.tls.verify; for a private authority, set options.tls.caCertificate.",
        "For a self-signed certificate, set options.tls.fingerprintSha256.",
    ),
    field="options.tls.verify",
)

# Services of Kubernetes, and internal names of clouds (metadata.google.internal) and companies.
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
    """The parts of a request of any kind that the policy checks."""

    @property
    def target(self) -> Endpoint:
        """The complete endpoint of the test."""

    @property
    def options(self) -> _Options:
        """The options of the test."""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """The operator's policy for every caller; by default it refuses only internal names."""

    allowed_domains: Sequence[str] = ()
    requires_tls: bool = False
    requires_tls_verify: bool = False

    def check(self, request: Request, policy: Policy) -> None:
        """Refuse what no caller may test, and what a caller with `policy` may not test.

        The addresses of a name are checked when they are connected to.

        Raises:
            Failed: one of the causes above, or of shared.policy.target_policy.
        """
        self.check_target(request.target, policy)
        tls = request.options.tls
        if self.requires_tls_verify and not tls.verify and not tls.fingerprint_sha256:
            raise Failed(TLS_VERIFY_REQUIRED, host=request.target.server_name)

    def check_target(self, target: Endpoint, policy: Policy) -> None:
        """Refuse a target, regardless of where it comes from.

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
