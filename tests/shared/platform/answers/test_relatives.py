import pytest

from shared.platform.answers.relatives import relative_of
from tests.shared.platform.responses import response

ROUTER = "OpenShift's router"


def page(title: str) -> bytes:
    return f"<!DOCTYPE html><html><title>{title}</title>".encode()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (page("store1 - Proxmox Backup Server"), "Proxmox Backup Server"),
        (page("VMware Aria Operations"), "VMware Aria Operations"),
        (page("vRealize Operations Manager"), "VMware vRealize Operations"),
        (page("Rancher"), "Rancher"),
        (page("Harvester"), "Harvester"),
        (page("MinIO Console"), "MinIO Console"),
        (page("Login - OpenStack Dashboard"), "OpenStack's dashboard (Horizon)"),
        (page("iDRAC9 - Login"), "Dell iDRAC"),
        (page("Harbor"), "Harbor"),
        (page("Login | OPNsense"), "OPNsense"),
        (b"<script>window.grafanaBootData = {}", "Grafana"),
        (b'{"etcdserver":"3.5.9","etcdcluster":"3.5.0"}', "etcd"),
        (b'{"module_name":"common-services","error_code":403}', "VMware NSX"),
        (b'{"tagline": "You Know, for Search"}', "Elasticsearch"),
        (
            b"<p>The application is currently not serving requests at this endpoint.",
            "OpenShift's router",
        ),
    ],
)
def test_what_stands_beside_the_platforms_has_a_name(body: bytes, name: str) -> None:
    """'Not the product' leaves the caller to find out whose page it is."""
    assert relative_of(response(200, body)) == name


@pytest.mark.parametrize(
    "body",
    [
        page("Our tools") + b"Zabbix, Grafana, Harbor, iDRAC, GitLab and vRealize Operations",
        page("Harbour"),
        page("404 Not Found"),
        b"{}",
    ],
)
def test_what_only_mentions_it_is_not_it(body: bytes) -> None:
    """A portal has links to all of them."""
    assert relative_of(response(200, body)) == ""


def test_an_address_in_a_title_names_nothing() -> None:
    """Error pages are titled with the host, and hosts are named after anything."""
    body = page("404 - iDRAC-7.example.com")

    assert relative_of(response(404, body, url="https://iDRAC-7.example.com/x")) == ""
