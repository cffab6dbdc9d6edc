"""People who end at another place than they think: another machine, network, port or product."""

from collections.abc import Iterator

from tests.network.name_server import knowing, resolving
from tests.network.namespaces import filter_packets
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import USER, Appliance, proxmox
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.reports.kubernetes import GOOD
from tests.zoo.situations import HTML, JSON, NAMED, OWN_ADDRESS, over_tls, said
from tests.zoo.visit import PASSED

OWN_ADDRESS_V6 = "2001:db8::7"


def _cluster(endpoint: str) -> Target:
    return Target(endpoint, "kubernetes", "portal", GOOD)


def _proxmox(endpoint: str) -> Target:
    return Target(endpoint, "proxmox", USER, "3f1c7e52-9d0b-4c7a-8a3e-5b6d7f8091a2")


@report(
    "https://github.com/alpine-docker/k8s/issues/18",
    "E",
    "tcp_connect",
    right=["tcp.refused", "input.*", "policy.*"],
    says=["itself|own machine|this service's (own )?(machine|host)|container"],
    network=(),
)
def the_endpoint_is_localhost() -> Iterator[Target]:
    """The endpoint is localhost, as the platform's owner has it on the platform itself.

    In a container that is the container: nothing listens there.
    """
    yield _cluster("https://localhost:6443")


@report(
    "https://github.com/aws-samples/aws-workshop-for-kubernetes/issues/85",
    "O",
    "dns_lookup",
    right=["dns.nxdomain", "policy.internal_name"],
    says=["VPN|private|internal name"],
    network=(),
)
def a_name_of_a_private_zone() -> Iterator[Target]:
    """The name of a cluster is in a private zone: api.cluster.k8s-aws.internal, "no such host".

    No public name server knows the domain .internal; the network of the cluster does.
    """
    with resolving(knowing({})):
        yield _cluster("https://api.cluster.k8s-aws.internal")


@report(
    "https://github.com/k3d-io/k3d/issues/927",
    "Q",
    "dns_lookup",
    right=["dns.nxdomain", "policy.internal_name"],
    says=["(by|in|of) Docker|container"],
    network=(),
)
def a_name_that_docker_knows() -> Iterator[Target]:
    """A cluster's configuration names host.docker.internal, which no name server knows.

    Docker writes the name into its containers; nobody can add it to a zone.
    """
    with resolving(knowing({})):
        yield _cluster("https://host.docker.internal:52525")


@report(
    "https://github.com/louislam/uptime-kuma/issues/5006",
    "L",
    PASSED,
    right=["tcp.partial_backends", "tcp.*"],
    network=(*NAMED, f"address add {OWN_ADDRESS_V6}/128 dev lo"),
)
def the_ipv6_address_is_silent() -> Iterator[Target]:
    """A name has an IPv6 address that answers nobody, beside its IPv4 address, which works.

    Browsers got through, and the monitor called the site down.
    """
    filter_packets("input", f"ip6 daddr {OWN_ADDRESS_V6} tcp flags syn drop")
    name = "cloud.example.com"
    known = knowing({name: [f"A {OWN_ADDRESS}", f"AAAA {OWN_ADDRESS_V6}"]})
    with resolving(known), zstack_node(host=OWN_ADDRESS) as (_, port):
        yield Target(f"http://{name}:{port}")


@report(
    "https://github.com/NginxProxyManager/nginx-proxy-manager/issues/1247",
    "O",
    "tcp_connect",
    right=["tcp.refused"],
    says=["8006"],
    network=NAMED,
)
def the_name_leads_past_the_proxy() -> Iterator[Target]:
    """A name leads to a Proxmox VE itself, and was to lead to the proxy before it, at port 443.

    The port is closed there, and Proxmox VE's own is open: 8006.
    """
    name = "proxmox.cloud.example"
    with (
        resolving(knowing({name: [f"A {OWN_ADDRESS}"]})),
        answering_by(lambda asked: proxmox(Appliance(), asked), None, OWN_ADDRESS, 8006),
    ):
        yield _proxmox(f"https://{name}")


@report(
    "https://github.com/prometheus-pve/prometheus-pve-exporter/issues/366",
    "F",
    "http_response",
    "product_identify",
    "authenticate",
    right=["api.other_product", "api.known_other"],
    open=["api.wrong_product", "http.*", "auth.sign_in_refused", "!http.503_*"],
    says=["Proxmox Backup Server"],
    never=["is Proxmox VE,", "No ticket"],
)
def a_backup_server_is_taken_for_proxmox() -> Iterator[Target]:
    """A Proxmox Backup Server is taken for a Proxmox VE: their paths are alike, at port 8007.

    It answers 401 to everything; its header for tokens is another one, PBSAPIToken.
    """

    def rule(asked: Asked) -> Reply:
        if asked.path == "/":
            page = "<html><head><title>pbs - Proxmox Backup Server</title></head><body></body>"
            return Reply(200, page, headers=HTML)
        if not asked.path.startswith("/api2/"):
            return Reply(404, "Path not found", headers=HTML)
        says = "authentication failed - no authentication credentials provided."
        return Reply(401, says, headers={**JSON, "Content-Type": "application/json;charset=UTF-8"})

    yield from over_tls(rule, _proxmox)


@report(
    "https://github.com/Kong/kong/issues/4294",
    "B",
    "http_response",
    "product_identify",
    right=["http.*", "proxy.*", "api.wrong_base_path"],
    says=["Kong", "route"],
    never=["web UI"],
)
def a_kong_has_no_such_route() -> Iterator[Target]:
    """A gateway, Kong, has no route for the name or the path, and says so with a 404 in JSON.

    Its route was for another host name than the one that was asked for.
    """
    says = {"message": "no Route matched with those values", "request_id": "6f1a2b3c4d5e6f70"}
    seen = {"Server": "kong/3.9.1", "X_Kong_Response_Latency": "0"}
    yield from over_tls(lambda _: said(says, 404, **seen), _cluster)


@report(
    "https://github.com/traefik/whoami/issues/145",
    "C",
    "http_response",
    "product_identify",
    right=["api.wrong_product", "http.*"],
    says=["repeats|echoes|whoami"],
    never=["is oVirt|is VMware|is Kubernetes|is OpenStack|is Nutanix|is Apache CloudStack|one of"],
)
def a_test_server_repeats_what_it_is_asked() -> Iterator[Target]:
    """A test server, whoami, stands where the API was to be, and repeats what it is asked.

    200 for every path, in plain text, with the path and the headers that it was asked with.
    """

    def rule(asked: Asked) -> Reply:
        head = (f"{name}: {value}" for name, value in asked.headers.items())
        first = f"Hostname: 4d2f\nIP: 127.0.0.1\nRemoteAddr: 127.0.0.1:41234\n{asked.method} "
        text = f"{first}{asked.path} HTTP/1.1\n" + "\n".join((*head, ""))
        return Reply(200, text, headers={"Content-Type": "text/plain; charset=utf-8"})

    yield from over_tls(rule, _proxmox)
