import pytest

from tests.certificates.written import common_name, distinguished_name, written
from worker.tls.certificate_reader import read_certificate
from worker.tls.known_issuers import (
    KUBECONFIG,
    PROXMOX,
    RANCHER,
    VCENTER,
    default_certificate,
    source_of,
)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (distinguished_name(CN="CA", O="vc.example.com", OU="VMware Engineering"), VCENTER),
        (distinguished_name(CN="Proxmox Virtual Environment", O="PVE Cluster Manager CA"), PROXMOX),
        (common_name("kubernetes"), KUBECONFIG),
        (common_name("k3s-server-ca@1612641497"), KUBECONFIG),
        (common_name("rke2-server-ca@1612641497"), KUBECONFIG),
        (common_name("kube-apiserver-lb-signer"), KUBECONFIG),
        (distinguished_name(CN="dynamiclistener-ca@17", O="dynamiclistener-org"), RANCHER),
        (common_name("Contoso kubernetes Root"), ""),
        (distinguished_name(CN="CA", O="Contoso"), ""),
    ],
)
def test_where_an_authority_is_kept_is_told_by_the_name_that_its_maker_gives(
    name: bytes, source: str
) -> None:
    """A name that only contains the word is somebody else's."""
    assert source_of(read_certificate(written(subject=name).der).subject_name) == source


@pytest.mark.parametrize(
    ("name", "software"),
    [
        ("Kubernetes Ingress Controller Fake Certificate", "ingress-nginx"),
        ("TRAEFIK DEFAULT CERT", "Traefik"),
        ("cloud.example.com", None),
    ],
)
def test_a_certificate_for_want_of_a_better_one_is_recognized(
    name: str, software: str | None
) -> None:
    """It says that the host is not configured, not that its authority is unknown."""
    leaf = read_certificate(written(subject=common_name(name)).der)

    assert [one.facts["software"] for one in default_certificate(leaf)] == [software] * bool(
        software
    )


def test_an_authority_that_is_called_ca_is_told_with_its_organization() -> None:
    """CA is what vCenter calls its own, and names nothing."""
    subject = distinguished_name(CN="CA", O="vc.example.com")

    assert read_certificate(written(subject=subject).der).subject == "CA (vc.example.com)"
