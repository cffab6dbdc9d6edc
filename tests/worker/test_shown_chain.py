import pytest

from tests.worker.certificates import Authority, forbidden_certificate
from worker.certificate import fingerprint
from worker.shown_chain import facts_of_chain


def test_each_certificate_is_told_by_its_place() -> None:
    """The facts of a step are a flat list."""
    authority = Authority("Root")
    issued = authority.issue("a.example.com")

    facts = facts_of_chain([issued.der, b"no certificate"])

    assert facts["certificates"] == 2
    assert facts["0.names"] == ("a.example.com",)
    assert facts["0.issuer"] == "Root"
    assert facts["1.sha256"] == fingerprint(b"no certificate")
    assert "1.subject" not in facts


@pytest.mark.parametrize("der", [forbidden_certificate()[1], b"", b"\x30\x80", b"\xff" * 100])
def test_of_one_that_can_not_be_read_the_sha256_is_known(der: bytes) -> None:
    """A pin compares bytes, and needs nothing else of them."""
    assert facts_of_chain([der]) == {"certificates": 1, "0.sha256": fingerprint(der)}
