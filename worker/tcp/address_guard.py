"""Decide whether an address may be connected to, at the moment of connecting.

The table is our own because `ipaddress.is_global` is true for multicast, 6to4, NAT64 and Azure's
wire server, and changes between patch releases of Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, IPv6Network, ip_network
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.policy.addresses import NAT64, Address, Network, carried, is_in, plain
from shared.policy.target_policy import UNLIMITED, TargetPolicy
from worker.tcp.own_services import OwnServices

__all__ = ["Address", "AddressGuard", "AddressMeter", "AddressRefusedError", "Network", "plain"]

ADDRESS_BLOCKED = Cause(
    code="policy.address_blocked",
    owner="us",
    summary="{where} is a {kind} address, which this service does not connect to",
    remedies=(
        "Ask the operators of this service to add {address} to CONNCHECK_ALLOWED_NETWORKS to "
        "allow it.",
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
        "Ask the operators of this service whether {address} must be in CONNCHECK_DENIED_NETWORKS.",
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

# Private networks (RFC 1918, RFC 4193) are not in it, because platforms are in them. The first
# network that contains an address names it, so specific networks come first.
_REFUSED: Sequence[tuple[str, Sequence[str]]] = (
    ("cloud metadata", ("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
    ("cloud metadata", ("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32")),
    ("cloud metadata", ("fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128")),
    ("unspecified", ("0.0.0.0/8", "::/128")),
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link-local", ("169.254.0.0/16", "fe80::/10")),
    ("shared (carrier-grade NAT)", ("100.64.0.0/10",)),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    ("broadcast", ("255.255.255.255/32",)),
    ("documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    ("documentation", ("2001:db8::/32", "3fff::/20")),
    ("benchmarking", ("198.18.0.0/15", "2001:2::/48")),
    ("reserved", ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")),
    # Tunnels and translators embed an IPv4 address, which would bypass rules for IPv4.
    ("translated", ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")),
    ("reserved", ("100::/64", "2001::/23", "5f00::/16", "fec0::/10")),
)  # fmt: skip
_TABLE = tuple((name, ip_network(text)) for name, texts in _REFUSED for text in texts)
_UNICAST = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"), NAT64)


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
    policy: TargetPolicy = UNLIMITED
    denied: Sequence[Network] = ()
    own: OwnServices = field(default_factory=OwnServices)
    rate: AddressMeter | None = None

    def narrowed_to(self, policy: TargetPolicy) -> "AddressGuard":
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
        for inner in carried(address):
            if not is_in(inner, self.allowed) and (name := _name(inner)):
                return name
        if is_in(address, self.allowed) or (address in NAT64 and address.version == 6):
            return None
        return _name(address)


def _name(address: Address) -> str | None:
    for name, network in _TABLE:
        if address.version == network.version and address in network:
            return name
    if isinstance(address, IPv6Address) and not is_in(address, _UNICAST):
        return "reserved"
    return None
