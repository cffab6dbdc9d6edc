"""The variables of Ansible inventories that tell a platform or an address.

Facts are from Ansible's list of behavioral inventory parameters and its connection plug-ins; the
names of the platforms' variables are those of the examples in community.vmware,
community.general.proxmox, ovirt.ovirt and nutanix.ncp.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PlatformVariables:
    """The names of the variables that describe a platform of one product; the first counts."""

    product: str
    address: tuple[str, ...]
    user: tuple[str, ...]
    password: tuple[str, ...]
    verify: tuple[str, ...]
    token_id: str = ""
    token_secret: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        token = (self.token_id, self.token_secret)
        return (*self.address, *self.user, *self.password, *self.verify, *token)


PLATFORMS: Final = (
    PlatformVariables(
        "vsphere",
        ("vcenter_hostname", "vcenter_host", "vcenter_server", "vmware_host"),
        ("vcenter_username", "vcenter_user", "vmware_user"),
        ("vcenter_password", "vcenter_pass", "vmware_password"),
        ("vcenter_validate_certs", "vmware_validate_certs"),
    ),
    PlatformVariables(
        "vsphere",
        ("esxi_hostname", "esxi_host"),
        ("esxi_username", "esxi_user"),
        ("esxi_password", "esxi_pass"),
        ("esxi_validate_certs",),
    ),
    PlatformVariables(
        "proxmox",
        ("proxmox_api_host", "proxmox_host", "proxmox_url"),
        ("proxmox_api_user", "proxmox_user"),
        ("proxmox_api_password", "proxmox_password"),
        ("proxmox_validate_certs",),
        "proxmox_api_token_id",
        "proxmox_api_token_secret",
    ),
    PlatformVariables(
        "ovirt",
        ("engine_url", "ovirt_url", "engine_fqdn", "ovirt_hostname"),
        ("engine_user", "ovirt_username"),
        ("engine_password", "ovirt_password"),
        (),
    ),
    PlatformVariables(
        "nutanix",
        ("nutanix_host",),
        ("nutanix_username",),
        ("nutanix_password",),
        ("nutanix_validate_certs", "validate_certs"),
    ),
)

ADDRESS: Final = ("ansible_host", "ansible_ssh_host")
PORT: Final = ("ansible_port", "ansible_ssh_port", "ansible_winrm_port", "ansible_psrp_port")
CONNECTION: Final = "ansible_connection"
OVER_HTTP: Final = ("ansible_winrm_scheme", "ansible_psrp_protocol")
HTTPAPI_TLS: Final = "ansible_httpapi_use_ssl"

PORTS: Final = {
    "smart": 22,
    "ssh": 22,
    "paramiko": 22,
    "paramiko_ssh": 22,
    "libssh": 22,
    "network_cli": 22,
    "netconf": 830,
    "httpapi": 80,
    "winrm": 5986,
    "psrp": 5986,
}
"""The ports of the connection plug-ins that reach a host over the network."""
WINDOWS: Final = ("winrm", "psrp")
WINDOWS_HTTP_PORT: Final = 5985

KEPT: Final = frozenset(
    {
        *(*ADDRESS, *PORT, CONNECTION, *OVER_HTTP, HTTPAPI_TLS),
        *(name for platform in PLATFORMS for name in platform.names if name),
    }
)
