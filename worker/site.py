"""What the place that a worker tests from allows and trusts."""

from dataclasses import dataclass, field, replace
from functools import partial

from shared.store.limits.address_rate import AddressRate
from shared.endpoint import Endpoint
from shared.diagnosis.outcomes import Failed
from shared.policy.service_policy import DEFAULT, Request, ServicePolicy
from shared.settings import Settings
from shared.policy.target_policy import UNLIMITED, TargetPolicy
from worker.tcp.address_guard import AddressGuard
from worker.tcp.connection import TargetAddress
from worker.investigations.investigator import Investigator
from worker.tcp.own_services import OwnServices
from worker.tls.trust import Trust


@dataclass(frozen=True, slots=True)
class Site:
    """The same for every job of a worker."""

    guard: AddressGuard
    trust: Trust
    investigate: Investigator = field(default_factory=partial(Investigator, budget_s=3.0))
    policy: TargetPolicy = UNLIMITED
    """What the caller may have tested, by name and by port; the guard knows the addresses."""
    rules: ServicePolicy = DEFAULT
    """What the operator lets nobody do."""
    address_rate: AddressRate | None = None

    def limited_to(self, policy: TargetPolicy, *, is_metered: bool = False) -> "Site":
        """Return the site as a caller with `policy` may use it."""
        guard = self.guard.narrowed_to(policy)
        if is_metered and self.address_rate:
            guard = guard.counting(self.address_rate)
        return replace(self, guard=guard, policy=policy)

    def refusal(self, request: Request) -> Failed | None:
        """Return why this worker does not test, whatever the API let through; None if it does."""
        try:
            self.rules.check(request, self.policy)
        except Failed as refused:
            return refused
        return None

    def check(self, endpoint: Endpoint) -> None:
        """Refuse a further endpoint that a test comes to, as the one that was asked for.

        Raises:
            Failed: with the cause of a policy.
        """
        self.rules.check_target(endpoint, self.policy)

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Return the site that the operator has set up."""
        canaries = tuple(TargetAddress.parse(c.host, c.port or 0) for c in settings.canaries)
        return cls(
            AddressGuard(
                settings.allowed_networks,
                denied=settings.denied_networks,
                own=OwnServices.of(settings),
            ),
            Trust(settings.ca_file),
            Investigator(settings.investigate_s, canaries),
            rules=ServicePolicy.of(settings),
        )
