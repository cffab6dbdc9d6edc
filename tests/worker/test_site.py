import ssl
from ipaddress import ip_address, ip_network
from pathlib import Path

from shared.request.options import TlsOptions
from shared.settings import Settings
from tests.certificates.crafted import Authority
from worker.site import Site


def test_a_site_allows_the_networks_of_the_settings_and_nothing_else() -> None:
    """What the operator sets must be what the guard knows."""
    guard = Site.of(Settings(allowed_networks=(ip_network("127.0.0.0/8"),))).guard

    assert guard.refusal(ip_address("127.0.0.1")) is None
    assert guard.refusal(ip_address("169.254.169.254")) == "cloud metadata"


def test_a_site_trusts_the_authorities_of_the_settings(tmp_path: Path) -> None:
    """CONNCHECK_CA_FILE is the one way to add an authority for every test."""
    ca_file = tmp_path / "ca.pem"
    authority = Authority("The Company's Own")
    ca_file.write_text(authority.pem)

    context: ssl.SSLContext = Site.of(Settings(ca_file=ca_file)).trust.context_for(TlsOptions())

    assert any("The Company's Own" in str(ca["subject"]) for ca in context.get_ca_certs())
