"""Decide which hosts and addresses a remedy may advise: the one place for all that is told to us.

A platform's redirects, headers and certificates name hosts. Their remedies use the facts that are
made here, so that no text sends its reader to an address that this service refuses.
"""

from dataclasses import dataclass
from ipaddress import ip_address

from shared.diagnosis.outcomes import Fact, Facts, Failed, Finding
from shared.endpoint import Endpoint, parse_endpoint
from shared.policy.addresses import Address
from shared.policy.refused_networks import CLOUD
from shared.policy.target_policy import NAME_BLOCKED, NETWORK_BLOCKED, UNLIMITED
from shared.reporting.advised import TOLD, origin_in
from worker.site import Site
from worker.tcp.address_guard import (
    ADDRESS_BLOCKED,
    NETWORK_DENIED,
    AddressRefusedError,
)

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Advice:
    """What the texts of a test of `home` may advise."""

    home: Endpoint
    site: Site

    def __call__(self, finding: Finding) -> Facts:
        """Return `usable_NAME` for each told fact NAME that may be advised, and `allowable`.

        `allowable` is the refused host or address of the caller's own choice, if it makes sense to
        ask for its permission.
        """
        usable = {name: self._usable(finding.facts.get(name, ())) for name in TOLD}
        found: dict[str, Fact] = {f"usable_{name}": fact for name, fact in usable.items() if fact}
        host = finding.facts.get("host", self.home.server_name)
        if host != self.home.server_name:  # the platform's choice, as in a catalogue
            return found
        if finding.cause in (ADDRESS_BLOCKED, NETWORK_BLOCKED, NETWORK_DENIED):
            address = ip_address(str(finding.facts["address"]))
            if self._may_be_allowed(address, by_token=finding.cause is NETWORK_BLOCKED):
                found["allowable"] = str(address)
        elif finding.cause is NAME_BLOCKED and self._is_allowed_by_service():
            found["allowable"] = host
        return found

    def _usable(self, told: Fact) -> Fact:
        """Return what may be advised of a fact, which may be a list; else something empty."""
        if isinstance(told, tuple):
            return tuple(one for one in told if self._allows(one))
        return told if self._allows(str(told)) else ""

    def _allows(self, told: str) -> bool:
        """Return whether the URL or name may be tested; a name is not looked up."""
        try:
            given = parse_endpoint(origin_in(told))
            scheme = given.scheme or self.home.scheme or "https"
            endpoint = given.completed(scheme, self._port_of(given))
            self.site.check(endpoint)
            self.site.guard.uncounted().check(_address_of(endpoint), endpoint.port or 0)
        except (Failed, AddressRefusedError):
            return False
        except ValueError:  # it is a name
            return True
        return True

    def _port_of(self, given: Endpoint) -> int:
        standard = {"http": 80, "https": 443}
        return standard[given.scheme] if given.scheme else self.home.port or 443

    def _may_be_allowed(self, address: Address, *, by_token: bool) -> bool:
        kind = self.site.guard.refusal(address)
        return kind is None or (kind != CLOUD and not by_token)

    def _is_allowed_by_service(self) -> bool:
        try:
            self.site.rules.check_target(self.home, UNLIMITED)
        except Failed:
            return False
        return True


def _address_of(endpoint: Endpoint) -> Address:
    """Return the address that the host is; raises ValueError if it is a name."""
    name = endpoint.server_name
    is_here = name == "localhost" or name.endswith(".localhost")  # RFC 6761 6.3
    return ip_address(_LOOPBACK if is_here else endpoint.host)
