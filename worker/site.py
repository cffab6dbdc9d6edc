"""What the place that a worker tests from allows and trusts."""

from dataclasses import dataclass

from shared.settings import Settings
from worker.address_guard import AddressGuard
from worker.trust import Trust


@dataclass(frozen=True, slots=True)
class Site:
    """The same for every job of a worker."""

    guard: AddressGuard
    trust: Trust

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Return the site that the operator has set up."""
        return cls(AddressGuard(settings.allowed_networks), Trust(settings.ca_file))
