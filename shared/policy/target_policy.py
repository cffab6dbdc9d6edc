"""What a token may test: one policy for single tests and batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.policy.addresses import Address, Network, carried, is_in, plain

NAME_BLOCKED = Cause(
    code="policy.name_blocked",
    owner="caller",
    summary="This token is not allowed to test {host}",
    remedies=(
        "[Ask the operators of this service to allow the domain of {allowable} for this token.]",
        "Use the address of a platform that this token may test.",
    ),
    field="endpoint",
)
PORT_BLOCKED = Cause(
    code="policy.port_blocked",
    owner="caller",
    summary="This token is not allowed to test port {port}",
    remedies=(
        "Use the port of the platform's API.",
        "Ask the operators of this service to allow port {port} for this token.",
    ),
    field="endpoint",
)
NETWORK_BLOCKED = Cause(
    code="policy.network_blocked",
    owner="caller",
    summary="This token is not allowed to test the address {address}",
    remedies=(
        "[Ask the operators of this service to allow a network that contains {allowable} for this "
        "token.]",
        "Use the address of a platform that this token may test.",
    ),
    field="endpoint",
)


def _domain(text: str) -> str:
    """Return a domain in the form for comparisons: lower-case A-labels without outer dots.

    Raises:
        ValueError: it is not a domain, so as a limit it would never match.
    """
    try:
        found = parse_endpoint(text.strip("."))
    except Failed as failed:
        raise ValueError("must be a domain like example.com") from failed
    if str(found) != found.host or ":" in found.host:
        raise ValueError("must be a domain like example.com")
    return found.host


Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]


class TargetPolicy(BaseModel):
    """Limits within the service's own policy; an empty list limits nothing."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )

    networks: tuple[Network, ...] = Field(default=(), description="The only networks to allow.")
    denied_networks: tuple[Network, ...] = Field(default=(), description="To be refused.")
    domains: tuple[Domain, ...] = Field(default=(), description="The only domains to allow.")
    denied_domains: tuple[Domain, ...] = Field(default=(), description="To be refused.")
    ports: tuple[Port, ...] = Field(default=(), description="The only ports to allow.")

    def check(self, target: Endpoint) -> None:
        """Refuse what can be refused before a name is looked up; `target` is complete.

        Raises:
            Failed: NAME_BLOCKED, PORT_BLOCKED or NETWORK_BLOCKED.
        """
        self.check_port(target.port or 0)
        try:
            address = ip_address(target.host)
        except ValueError:
            if not self._allows_name(target.server_name):
                raise Failed(NAME_BLOCKED, host=target.server_name) from None
        else:
            self.check_address(address)

    def check_address(self, address: Address) -> None:
        """Refuse a resolved address, in any notation.

        Raises:
            Failed: NETWORK_BLOCKED.
        """
        if not self.allows(address):
            raise Failed(NETWORK_BLOCKED, address=str(address))

    def check_port(self, port: int) -> None:
        """Refuse a port.

        Raises:
            Failed: PORT_BLOCKED.
        """
        if self.ports and port not in self.ports:
            raise Failed(PORT_BLOCKED, port=port)

    def allows(self, address: Address) -> bool:
        """Return whether `address`, and each address that it embeds, may be connected to."""
        address = plain(address)
        inner = tuple(carried(address))
        if any(is_in(one, self.denied_networks) for one in (address, *inner)):
            return False
        if not self.networks or is_in(address, self.networks):
            return True
        return bool(inner) and all(is_in(one, self.networks) for one in inner)

    def _allows_name(self, name: str) -> bool:
        if ends_with(name, self.denied_domains):
            return False
        return not self.domains or ends_with(name, self.domains)


UNLIMITED = TargetPolicy()


class Policy(Protocol):
    """What a test may reach: the policy of one token, or of several."""

    def check(self, target: Endpoint) -> None:
        """Refuse a target, as TargetPolicy does."""

    def check_address(self, address: Address) -> None:
        """Refuse an address, as TargetPolicy does."""

    def check_port(self, port: int) -> None:
        """Refuse a port, as TargetPolicy does."""


@dataclass(frozen=True, slots=True)
class EachPolicy:
    """Several policies, each of which must allow what is tested."""

    policies: tuple[TargetPolicy, ...]

    def check(self, target: Endpoint) -> None:
        """Refuse what one of them refuses."""
        for policy in self.policies:
            policy.check(target)

    def check_address(self, address: Address) -> None:
        """Refuse what one of them refuses."""
        for policy in self.policies:
            policy.check_address(address)

    def check_port(self, port: int) -> None:
        """Refuse what one of them refuses."""
        for policy in self.policies:
            policy.check_port(port)


class Allowance(BaseModel):
    """What a token that repeats a test may reach, beside what its first token may."""

    model_config = ConfigDict(frozen=True)

    policy: TargetPolicy = UNLIMITED
    is_metered: bool = False
    targets_per_minute: int | None = None


def ends_with(name: str, domains: Sequence[str]) -> bool:
    """Return whether `name` is one of `domains`, or below one."""
    labels = f".{name.lower().removesuffix('.')}"
    return any(labels.endswith(f".{domain}") for domain in domains)
