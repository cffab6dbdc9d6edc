"""The policies and the trusted authorities of a worker."""

from dataclasses import dataclass, field, replace
from functools import partial

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.policy.service_policy import DEFAULT, Request, ServicePolicy
from shared.policy.target_policy import UNLIMITED, Policy
from shared.settings import Settings
from shared.site_name import DEFAULT_SITE
from worker.investigations.investigator import Investigator
from worker.tcp.address_guard import AddressGuard, AddressMeter
from worker.tcp.connection import TargetAddress
from worker.tcp.own_services import OwnServices
from worker.tls.trust import Trust
from worker.visits import Visits


@dataclass(frozen=True, slots=True)
class Site:
    """The part of a worker's configuration that is the same for all its jobs."""

    guard: AddressGuard
    trust: Trust
    investigate: Investigator = field(default_factory=partial(Investigator, budget_s=3.0))
    policy: Policy = UNLIMITED
    """What the caller may test, by name and port; the guard checks addresses."""
    rules: ServicePolicy = DEFAULT
    """What the operator forbids every caller."""
    address_rate: AddressMeter | None = None
    visits: Visits | None = None
    """Counts visits to hosts that a platform names; None does not limit them."""
    name: str = DEFAULT_SITE
    """The name under which the API and the store know it."""

    def limited_to(
        self,
        policy: Policy,
        *,
        token: str = "",
        is_metered: bool = False,
        targets_per_minute: int | None = None,
    ) -> "Site":
        """Return the site restricted to a caller with `policy` and these limits."""
        guard, visits = self.guard.narrowed_to(policy), self.visits
        if is_metered and self.address_rate:
            guard = guard.counting(self.address_rate)
        if visits:
            visits = Visits(visits.limits, token, targets_per_minute, is_metered)
        return replace(self, guard=guard, policy=policy, visits=visits)

    def refusal(self, request: Request) -> Failed | None:
        """Return why this worker refuses the test, which the API accepted; None if it does not."""
        try:
            self.rules.check(request, self.policy)
        except Failed as refused:
            return refused
        return None

    def check(self, endpoint: Endpoint) -> None:
        """Check another endpoint that a test leads to, like the requested one.

        Raises:
            Failed: with the cause of a policy.
        """
        self.rules.check_target(endpoint, self.policy)

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Return the site that the operator has configured."""
        return cls(
            AddressGuard(
                settings.allowed_networks,
                denied=settings.denied_networks,
                own=OwnServices.of(settings),
            ),
            Trust(settings.ca_file),
            Investigator(settings.investigate_s, canaries_of(settings)),
            rules=settings.service_policy,
            name=settings.site,
        )


def canaries_of(settings: Settings) -> tuple[TargetAddress, ...]:
    """Return the addresses that answer whenever this worker's own network works."""
    return tuple(TargetAddress.parse(c.host, c.port or 0) for c in settings.canaries)
