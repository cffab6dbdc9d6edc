"""Recognize the authorities of products that intercept TLS connections."""

import re
from collections.abc import Iterator

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Finding
from worker.tls.certificate import Certificate, Outline

TLS_INTERCEPTION = Cause(
    code="proxy.tls_interception",
    owner="network",
    severity="warning",
    summary=(
        "The certificate of {host} looks like one that {interceptor} substituted for the "
        "platform's own: {issuer} issued it"
    ),
    remedies=(
        "Exempt {host} from TLS inspection between this service and the platform.",
        "Set options.tls.caCertificate to the inspection's authority ({issuer}) if it is allowed "
        "to read everything that is sent to {host}.",
    ),
)

# Part of the name of the authority that such a product creates for itself. Vendors whose own
# platforms or appliances use certificates with their own name are left out.
_AUTHORITIES = {
    "zscaler": "Zscaler",
    "fortigate ca": "FortiGate",
    "fg_ca": "FortiGate",
    "blue coat": "Blue Coat ProxySG",
    "netskope": "Netskope",
    "cisco umbrella": "Cisco Umbrella",
    "forcepoint": "Forcepoint",
    "websense": "Forcepoint",
    "mcafee web gateway": "McAfee Web Gateway",
    "sophos ssl ca": "Sophos",
    "sophos_ca": "Sophos",
    "fireware https proxy": "WatchGuard",
    "untangle": "Untangle",
    "smoothwall": "Smoothwall",
    "contentkeeper": "ContentKeeper",
    "iboss": "iboss",
    "squid": "Squid",
    "mitmproxy": "mitmproxy",
    "portswigger": "Burp Suite",
    "charles proxy": "Charles",
    "do_not_trust_fiddlerroot": "Fiddler",
    "kaspersky anti-virus personal root": "Kaspersky",
    "eset ssl filter": "ESET",
    "bitdefender personal ca": "Bitdefender",
    "avast! web/mail shield": "Avast",
    "avg technologies": "AVG",
}
# Whole words only: "giantsquid" is not the proxy Squid.
_SIGN = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, _AUTHORITIES))})(?![a-z0-9])")


def interceptor(*issuer_names: str) -> str | None:
    """Return the interception product that one of the issuer's names belongs to, if any."""
    sign = _SIGN.search(" ".join(issuer_names).lower())
    return _AUTHORITIES[sign.group()] if sign else None


def interception(leaf: Certificate | Outline) -> Iterator[Finding]:
    """Yield a finding if such a product has issued the certificate."""
    product = interceptor(leaf.issuer, leaf.issuer_organization)
    if product:
        yield Finding(TLS_INTERCEPTION, {"interceptor": product, "issuer": leaf.issuer})
