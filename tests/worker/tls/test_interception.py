import pytest

from shared.diagnosis.outcomes import Failed
from tests.certificates.crafted import Authority
from tests.network.loopback import said
from worker.tls.certificate_reader import read_certificate
from worker.tls.interception import interception, interceptor


@pytest.mark.parametrize("name", ["mitmproxy", "Zscaler Intermediate Root CA (zscaler.net) "])
def test_an_authority_that_reads_along_is_told(name: str) -> None:
    """It has to be trusted or avoided, and its name says which product's settings to look at."""
    leaf = read_certificate(Authority(name).issue("x.example").der)

    (finding,) = interception(leaf)

    assert name.strip() in said(Failed(finding.cause, **finding.facts))


def test_the_organization_tells_it_too() -> None:
    """Some products put their name there, and a number into the common name."""
    assert interceptor("R-2041", "Blue Coat Systems, Inc.") == "Blue Coat ProxySG"


@pytest.mark.parametrize("name", ["Giantsquid CA", "Sangfor HCI", "Fortinet", "R10", ""])
def test_other_authorities_are_not_suspected(name: str) -> None:
    """Some vendors of platforms also sell firewalls; a false alarm costs trust."""
    assert interceptor(name) is None
