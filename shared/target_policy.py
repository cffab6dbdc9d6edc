"""What the holder of a token may have tested: one policy for single tests and batches."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.causes import Cause
from shared.endpoint import Endpoint
from shared.outcomes import Failed

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

NAME_BLOCKED = Cause(
    code="policy.name_blocked",
    owner="caller",
    summary="The token may not have hosts like {host} tested",
    remedies=("Ask the operators to allow the domain of {host} for the token.",),
    field="endpoint",
)
PORT_BLOCKED = Cause(
    code="policy.port_blocked",
    owner="caller",
    summary="The token may not have port {port} tested",
    remedies=(
        "Use the port of the platform's API.",
        "Ask the operators to allow port {port} for the token.",
    ),
    field="endpoint",
)
NETWORK_BLOCKED = Cause(
    code="policy.network_blocked",
    owner="caller",
    summary="The token may not have the address {host} tested",
    remedies=("Ask the operators to allow a network that holds {host} for the token.",),
    field="endpoint",
)


class TargetPolicy(BaseModel):
    """Limits within what the service allows at all; an empty list limits nothing."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )

    networks: tuple[Network, ...] = Field(default=(), description="Addresses in these alone.")
    denied_networks: tuple[Network, ...] = Field(default=(), description="None in these.")
    domains: tuple[str, ...] = Field(default=(), description="Names in these domains alone.")
    denied_domains: tuple[str, ...] = Field(default=(), description="None in these.")
    ports: tuple[int, ...] = Field(default=(), description="These ports alone.")

    def check(self, target: Endpoint) -> None:
        """Refuse what can be refused before a packet is sent; `target` is complete.

        Raises:
            Failed: NAME_BLOCKED, PORT_BLOCKED or NETWORK_BLOCKED.
        """
        if not self.allows_port(target.port or 0):
            raise Failed(PORT_BLOCKED, port=target.port or 0)
        try:
            address = ip_address(target.host)
        except ValueError:
            if not self._allows_name(target.server_name):
                raise Failed(NAME_BLOCKED, host=target.server_name) from None
        else:
            if not self.allows(address):
                raise Failed(NETWORK_BLOCKED, host=target.host)

    def allows(self, address: Address) -> bool:
        """Return whether `address`, as it was resolved, may be connected to."""
        if _is_in(address, self.denied_networks):
            return False
        return not self.networks or _is_in(address, self.networks)

    def allows_port(self, port: int) -> bool:
        """Return whether `port` may be connected to."""
        return not self.ports or port in self.ports

    def _allows_name(self, name: str) -> bool:
        if _ends_with(name, self.denied_domains):
            return False
        return not self.domains or _ends_with(name, self.domains)


UNLIMITED = TargetPolicy()


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def _ends_with(name: str, domains: Sequence[str]) -> bool:
    labels = f".{name.lower()}"
    return any(labels.endswith(f".{domain.lower().strip('.')}") for domain in domains)
