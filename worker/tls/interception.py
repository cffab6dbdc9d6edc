"""Recognize the authorities of products that open TLS connections on their way."""

import re
from collections.abc import Iterator

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Finding
from worker.tls.certificate_reader import Certificate, Outline

INTERCEPTED = Cause(
    code="proxy.tls_interception",
    owner="network",
    severity="warning",
    summary="The certificate of {host} looks as if {interceptor} had put it in place of the "
    "platform's own: {issuer} issued it",
    remedies=(
        "Exempt {host} from the TLS inspection between this service and the platform.",
        "Give the inspection's authority ({issuer}) as options.tls.caCertificate, if everything "
        "that is sent to {host} may be read there.",
    ),
)

# What stands in the name of the authority that such a product makes for itself. Vendors whose
# own platforms or appliances show certificates of their own name are left out.
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
# Whole words: giantsquid is nobody's proxy.
_SIGN = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, _AUTHORITIES))})(?![a-z0-9])")


def interceptor(*issuer_names: str) -> str | None:
    """Return the product that an issuer's name is known from, if it is one of these."""
    sign = _SIGN.search(" ".join(issuer_names).lower())
    return _AUTHORITIES[sign.group()] if sign else None


def interception(leaf: Certificate | Outline) -> Iterator[Finding]:
    """Give what is to be said where a product of that kind has issued the certificate."""
    product = interceptor(leaf.issuer, leaf.issuer_organization)
    if product:
        yield Finding(INTERCEPTED, {"interceptor": product, "issuer": leaf.issuer})
