"""The networks that no test reaches unless the operator names them, each with its source.

Private networks (RFC 1918, RFC 4193) are not among them, because platforms are in them. The most
specific network that contains an address decides. The table is our own because
`ipaddress.is_global` is true for multicast, 6to4, NAT64 and Azure's wire server, and changes
between patch releases of Python.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, IPv6Network, ip_network
from typing import Final, NamedTuple

from shared.policy.addresses import NAT64, Address, Network, is_in

CLOUD: Final = "cloud metadata"
"""Services that a cloud offers to its own machines alone; nobody is advised to allow them."""


class RefusedNetwork(NamedTuple):
    """A network and the kind of its addresses, as texts name it."""

    kind: str
    network: Network


# Addresses outside of 169.254.0.0/16 and fe80::/10, which hold most of their kind: IPv6 metadata of
# OpenStack (fe80::a9fe:a9fe), Scaleway (169.254.42.42), Tencent (169.254.0.23), node-local DNS of
# Kubernetes (169.254.20.10). Many of the IPv6 ones are unique-local, like platforms.
_CLOUDS: Sequence[tuple[str, str]] = (
    ("169.254.169.254/32", "AWS, Azure, GCP, OpenStack, Oracle, DigitalOcean, Hetzner, Vultr, ..."),
    ("169.254.169.253/32", "AWS DNS: VPC User Guide, Amazon DNS"),
    ("169.254.169.123/32", "AWS time: EC2 User Guide, Set the time"),
    ("169.254.170.2/32", "AWS: ECS Developer Guide, task metadata and credentials"),
    ("169.254.170.23/32", "AWS: EKS User Guide, Pod Identity agent"),
    # ::254 metadata, ::253 DNS, ::123 time, ::23 EKS Pod Identity, ::250 and ::251 activation of
    # Windows (EC2 and EKS User Guides): all that AWS offers under one prefix of its own.
    ("fd00:ec2::/32", "AWS: EC2 User Guide, Retrieve instance metadata"),
    ("fd20:ce::254/128", "GCP: Compute Engine, View and query VM metadata (IPv6-only)"),
    ("168.63.129.16/32", "Azure: What is IP address 168.63.129.16"),
    ("192.0.0.192/32", "Oracle Cloud Classic"),
    ("fd00:c1::a9fe:a9fe/128", "Oracle: oci-python-sdk, instance principals; DNS too"),
    ("100.100.100.200/32", "Alibaba: ECS User Guide, instance metadata"),
    ("fd00:100::100:200/128", "Alibaba: the same; cloud-init pull request 6893"),
    ("100.100.2.136/31", "Alibaba DNS: ECS User Guide, default DNS servers"),
    ("100.100.2.138/32", "Alibaba DNS: the same"),
    ("100.88.222.5/32", "Tencent: time and metadata"),
    ("100.96.0.96/32", "Volcengine: ECS, instance metadata"),
    ("100.80.80.80/32", "UCloud: metadata"),
    ("169.254.42.42/32", "Scaleway: cloud-init, datasource Scaleway"),
    ("fd00:42::42/128", "Scaleway: the same"),
    ("fd00:a9fe:a9fe::1/128", "Linode: cloud-init, datasource Akamai"),
    ("192.80.8.124/32", "Equinix Metal: metadata.platformequinix.com"),
    ("fdaa::3/128", "Fly.io: Private Networking, internal DNS"),
)
_SPECIAL: Sequence[tuple[str, Sequence[str]]] = (  # IANA's registries of special-purpose addresses
    ("wildcard (unspecified)", ("0.0.0.0/8", "::/128")),
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
_NAMED = [
    *(RefusedNetwork(CLOUD, ip_network(text)) for text, _ in _CLOUDS),
    *(RefusedNetwork(kind, ip_network(text)) for kind, texts in _SPECIAL for text in texts),
]
REFUSED: Final[Sequence[RefusedNetwork]] = sorted(_NAMED, key=lambda one: -one.network.prefixlen)
"""The most specific networks first."""
_BY_VERSION = {
    version: [
        (int(refused.network[0]), int(refused.network[-1]), refused)
        for refused in REFUSED
        if refused.network.version == version
    ]
    for version in (4, 6)
}
"""The same with their first and last addresses as numbers: each test looks for its address."""
_UNICAST = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"), NAT64)
_NOT_UNICAST = RefusedNetwork("reserved", IPv6Network("::/0"))


def refused_network(address: Address) -> RefusedNetwork | None:
    """Return the network because of which `address` is refused; None if it is not."""
    number = int(address)
    for first, last, refused in _BY_VERSION[address.version]:
        if first <= number <= last:
            return refused
    if isinstance(address, IPv6Address) and not is_in(address, _UNICAST):
        return _NOT_UNICAST
    return None


def is_named(address: Address, refused: Network, allowed: Sequence[Network]) -> bool:
    """Return whether `allowed` names `address` more exactly than `refused` does, or as exactly.

    169.254.0.0/16 allows link-local addresses, but not the metadata service among them.
    """
    return any(is_in(address, (one,)) and one.prefixlen >= refused.prefixlen for one in allowed)
