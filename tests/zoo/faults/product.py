"""Platforms that are tested as another product than they are."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.certificates.crafted import Authority
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import Appliance, kubernetes, nutanix, ovirt, proxmox, vsphere
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault

Appearing = Callable[[Appliance, Asked], Reply]


def _as_zstack(appearing: Appearing) -> Iterator[Target]:
    """Give an appliance that is taken for a ZStack."""
    yield from _as_another(appearing, "zstack", "AKID")


def _as_another(appearing: Appearing, product: str, key: str) -> Iterator[Target]:
    """Give an appliance that is taken for `product`."""
    authority = Authority()
    tls = authority.issue("127.0.0.1").server_context()
    with answering_by(partial(appearing, Appliance()), tls) as port:
        options = {"tls": {"caCertificate": authority.pem}}
        yield Target(f"https://127.0.0.1:{port}", product, key, options=options)


@fault("product_identify", "api.other_product")
def proxmox_is_taken_for_zstack() -> Iterator[Target]:
    """A Proxmox VE is tested as a ZStack."""
    yield from _as_zstack(proxmox)


@fault("product_identify", "api.other_product")
def nutanix_is_taken_for_zstack() -> Iterator[Target]:
    """A Nutanix Prism is tested as a ZStack."""
    yield from _as_zstack(nutanix)


@fault("product_identify", "api.other_product")
def ovirt_is_taken_for_zstack() -> Iterator[Target]:
    """An oVirt engine is tested as a ZStack."""
    yield from _as_zstack(ovirt)


@fault("product_identify", "api.other_product")
def kubernetes_is_taken_for_zstack() -> Iterator[Target]:
    """A Kubernetes cluster is tested as a ZStack."""
    yield from _as_zstack(kubernetes)


@fault("product_identify", "api.other_product")
def vsphere_is_taken_for_zstack() -> Iterator[Target]:
    """A vCenter is tested as a ZStack."""
    yield from _as_zstack(_vsphere)


@fault("product_identify", "api.known_other")
def backup_server_is_taken_for_proxmox() -> Iterator[Target]:
    """A Proxmox Backup Server is tested as a Proxmox VE, whose API has the same paths."""
    page = "<!DOCTYPE html><title>store1 - Proxmox Backup Server</title>"

    def answer(_: Appliance, asked: Asked) -> Reply:
        if " /api2/json" in asked.call:
            return Reply(401, "authentication failed - no authentication credentials provided.")
        return Reply(200, page) if asked.call == "GET /" else Reply(404, "not found")

    yield from _as_another(answer, "proxmox", "root@pam!test")


@fault("product_identify", "http.404_base_path")
def web_server_repeats_the_path() -> Iterator[Target]:
    """A web server that repeats the path of each request is tested as an oVirt engine."""

    def answer(_: Appliance, asked: Asked) -> Reply:
        path = asked.call.partition(" ")[2]
        return Reply(404, f"<!DOCTYPE html><title>Error</title><pre>Cannot GET {path}</pre>")

    yield from _as_another(answer, "ovirt", "admin@internal")


@fault("product_identify", "api.one_of_products")
def zstack_is_taken_for_proxmox() -> Iterator[Target]:
    """A ZStack is tested as a Proxmox VE; its three products can't be told apart."""
    with zstack_node() as (_, port):
        key, secret = "root@pam!test", "2f6b0f1c-6d7e-4b52-9a4e-0c1d2e3f4a5b"
        endpoint = f"http://127.0.0.1:{port}"
        yield Target(endpoint, "proxmox", access_key=key, secret_key=secret)


def _vsphere(seen: Appliance, asked: Asked) -> Reply:
    """Answer as a vCenter does, to a GET too."""
    is_of_api = " /sdk" in asked.call
    return vsphere(seen, asked) if is_of_api else Reply(404, "<html>404 Not Found</html>")
