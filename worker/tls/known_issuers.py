"""Recognize the certificates that software makes for itself."""

from collections.abc import Iterator

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Finding
from worker.tls.certificate import Certificate, Name

DEFAULT_CERTIFICATE = Cause(
    code="tls.default_certificate",
    owner="platform",
    summary=(
        "The certificate of {host} is the one that {software} sends if it has none for a name: "
        "{subject}"
    ),
    remedies=(
        "Check in {software} whether {host} is configured, and whether its certificate (the TLS "
        "secret, in the same namespace) exists and has been issued.",
        "Use the name in the endpoint that is configured there.",
    ),
    field="endpoint",
)
_DEFAULTS = {
    "kubernetes ingress controller fake certificate": "ingress-nginx",
    "traefik default cert": "Traefik",
}

# Where the certificate of an authority is that a platform has made for itself. Sentences, so that
# they can be translated.
VCENTER = "vCenter offers it at /certs/download.zip"
PROXMOX = "on a Proxmox VE node it is /etc/pve/pve-root-ca.pem"
KUBECONFIG = "the cluster's kubeconfig has it as certificate-authority-data"
RANCHER = "Rancher offers it at /cacerts"
SOURCES = (VCENTER, PROXMOX, KUBECONFIG, RANCHER)

_COMMON_NAME, _ORGANIZATION, _UNIT = "2.5.4.3", "2.5.4.10", "2.5.4.11"
# Parts of the names as their makers write them: VMCA, pvecm, kubeadm, K3s, RKE2, the installer of
# OpenShift, and Rancher's dynamiclistener.
_SIGNS = (
    (_UNIT, "vmware engineering", VCENTER),
    (_ORGANIZATION, "pve cluster manager ca", PROXMOX),
    (_COMMON_NAME, "k3s-server-ca@", KUBECONFIG),
    (_COMMON_NAME, "rke2-server-ca@", KUBECONFIG),
    (_COMMON_NAME, "kube-apiserver-", KUBECONFIG),
    (_COMMON_NAME, "dynamiclistener-ca", RANCHER),
)


def default_certificate(leaf: Certificate) -> Iterator[Finding]:
    """Yield a finding if the certificate is one that software sends for want of a better one."""
    software = _DEFAULTS.get(leaf.subject.casefold())
    if software:
        yield Finding(DEFAULT_CERTIFICATE, {"software": software, "subject": leaf.subject})


def source_of(authority: Name) -> str:
    """Return where the certificate of an authority with this name is; empty if that is unknown."""
    if (_COMMON_NAME, "kubernetes") in authority:
        return KUBECONFIG
    found = (
        source
        for kind, sign, source in _SIGNS
        if any(one == kind and value.startswith(sign) for one, value in authority)
    )
    return next(found, "")
