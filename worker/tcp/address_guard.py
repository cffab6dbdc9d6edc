"""Decide whether an address may be connected to, at the moment of connecting."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.policy.addresses import NAT64, Address, Network, carried, is_in, plain
from shared.policy.refused_networks import is_named, refused_network
from shared.policy.target_policy import UNLIMITED, Policy
from worker.tcp.own_services import OwnServices

__all__ = ["Address", "AddressGuard", "AddressMeter", "AddressRefusedError", "Network", "plain"]

ADDRESS_BLOCKED = Cause(
    code="policy.address_blocked",
    owner="us",
    summary="{where} is a {kind} address, which this service does not connect to",
    remedies=(
        "[Ask the operators of this service to add {allowable} to CONNCHECK_ALLOWED_NETWORKS at "
        "site {at_site} to allow it.|Ask the operators of this service to add {allowable} to "
        "CONNCHECK_ALLOWED_NETWORKS to allow it.]",
        "Correct the endpoint if you meant another address.",
    ),
    field="endpoint",
)
NETWORK_DENIED = Cause(
    code="policy.network_denied",
    owner="us",
    summary="{where} is in a network that the operators of this service have excluded from tests",
    remedies=(
        "Correct the endpoint if you meant another address.",
        "[Ask the operators of this service whether {allowable} must be in "
        "CONNCHECK_DENIED_NETWORKS at site {at_site}.|Ask the operators of this service whether "
        "{allowable} must be in CONNCHECK_DENIED_NETWORKS.]",
    ),
    field="endpoint",
)
OWN_SERVICE = Cause(
    code="policy.own_service",
    owner="caller",
    summary="{where} port {port} belongs to this service itself; it is not a platform",
    remedies=("Use the address and the port of the platform in the endpoint.",),
    field="endpoint",
)
ADDRESS_RATE = Cause(
    code="policy.address_rate",
    owner="us",
    summary=(
        "This service has connected to {where} port {port} {most:time|times} within a minute, "
        "which is its limit"
    ),
    remedies=("Test again in a minute.",),
)


class AddressRefusedError(Exception):
    """Raised if the guard refuses an address; `failed` says why."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.cause.code)
        self.failed = failed


class AddressMeter(Protocol):
    """Counts connections to an address; shared.store has the one of all workers together."""

    @property
    def most_per_minute(self) -> int:
        """How many there may be within a minute."""

    def admits(self, address: Address, port: int) -> bool:
        """Count a connection; return whether there were not too many."""
        ...


@dataclass(eq=False)
class AddressGuard:
    """Decides which addresses may be connected to, by the settings, the token and the rate.

    `denied` and `own` override `allowed`; `policy` is the token's and can only narrow. `rate`
    counts allowed connections, and refuses those above its limit.
    """

    allowed: Sequence[Network] = ()
    policy: Policy = UNLIMITED
    denied: Sequence[Network] = ()
    own: OwnServices = field(default_factory=OwnServices)
    rate: AddressMeter | None = None

    def narrowed_to(self, policy: Policy) -> "AddressGuard":
        """Return a guard that also refuses what `policy` does not allow."""
        return replace(self, policy=policy)

    def counting(self, rate: AddressMeter) -> "AddressGuard":
        """Return a guard that also refuses addresses that are connected to too often."""
        return replace(self, rate=rate)

    def uncounted(self) -> "AddressGuard":
        """Return a guard for further connections of a test that has been counted."""
        return replace(self, rate=None) if self.rate else self

    def check(self, address: Address, port: int) -> None:
        """Refuse `port` of `address` if a policy forbids it, the operator's policy first.

        Raises:
            AddressRefusedError: with the cause and all facts of its texts, except {where}.
        """
        address = plain(address)
        facts: dict[str, Fact] = {"address": str(address), "port": port}
        if any(is_in(one, self.denied) for one in (address, *carried(address))):
            raise AddressRefusedError(Failed(NETWORK_DENIED, **facts))
        if any(self.own.hold(one, port) for one in (address, *carried(address))):
            raise AddressRefusedError(Failed(OWN_SERVICE, **facts))
        kind = self.refusal(address)
        if kind:
            raise AddressRefusedError(Failed(ADDRESS_BLOCKED, kind=kind, **facts))
        try:
            self.policy.check_port(port)
            self.policy.check_address(address)
        except Failed as failed:
            raise AddressRefusedError(failed) from None
        if self.rate and not self.rate.admits(address, port):
            raise AddressRefusedError(Failed(ADDRESS_RATE, most=self.rate.most_per_minute, **facts))

    def refusal(self, address: Address) -> str | None:
        """Return the kind of address if the service refuses it, else None.

        An address that embeds another one is refused if either is.
        """
        address = plain(address)
        kinds = (self._kind(one) for one in (*carried(address), address))
        return next((kind for kind in kinds if kind), None)

    def _kind(self, address: Address) -> str | None:
        if address.version == 6 and address in NAT64:  # what it carries is judged
            return None
        refused = refused_network(address)
        if refused is None or is_named(address, refused.network, self.allowed):
            return None
        return refused.kind
