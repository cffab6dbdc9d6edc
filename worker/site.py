"""What the place that a worker tests from allows and trusts."""

from dataclasses import dataclass, field, replace
from functools import partial

from shared.settings import Settings
from shared.target_policy import UNLIMITED, TargetPolicy
from worker.address_guard import AddressGuard
from worker.connection import TargetAddress
from worker.investigation import Investigator
from worker.trust import Trust


@dataclass(frozen=True, slots=True)
class Site:
    """The same for every job of a worker."""

    guard: AddressGuard
    trust: Trust
    investigate: Investigator = field(default_factory=partial(Investigator, budget_s=3.0))
    policy: TargetPolicy = UNLIMITED
    """What the caller may have tested, by name and by port; the guard knows the addresses."""

    def limited_to(self, policy: TargetPolicy) -> "Site":
        """Return the site as a caller with `policy` may use it."""
        return replace(self, guard=self.guard.narrowed_to(policy), policy=policy)

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Return the site that the operator has set up."""
        canaries = tuple(TargetAddress.parse(c.host, c.port or 0) for c in settings.canaries)
        return cls(
            AddressGuard(settings.allowed_networks),
            Trust(settings.ca_file),
            Investigator(settings.investigate_s, canaries),
        )
