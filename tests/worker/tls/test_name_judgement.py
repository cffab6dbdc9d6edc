import pytest

from tests.certificates.written import (
    Written,
    alternatives,
    authority,
    common_name,
    constraints,
    dns,
    extension,
    ip,
    name_constraints,
    uri,
    written,
)
from tests.network.loopback import NAME
from worker.tls.certificate_causes import CN_ONLY, HOSTNAME_MISMATCH, IP_NOT_IN_SAN
from worker.tls.chain import Chain, chain_of
from worker.tls.name_judgement import constraint_faults, name_faults

ROOT = authority("Root")


def chain(*names: bytes, middle: Written = ROOT) -> Chain:
    leaf = written(alternatives(*names), above=middle)
    return chain_of((leaf.der, middle.der))


@pytest.mark.parametrize(
    ("names", "permitted", "excluded", "outside"),
    [
        ([dns(NAME)], [dns("example.com")], [], None),
        ([dns(NAME)], [dns(".example.com")], [], None),
        ([dns(NAME)], [dns("")], [], None),
        ([dns(NAME)], [ip("10.0.0.0", "255.0.0.0")], [], None),  # of another type
        ([dns(NAME)], [dns("example.org"), dns("example.com")], [], None),
        ([dns("badexample.com")], [dns("example.com")], [], "DNS:badexample.com"),
        ([dns(NAME)], [], [dns("example.com")], f"DNS:{NAME}"),
        ([dns(NAME), ip("10.1.2.3")], [ip("10.1.0.0", "255.255.0.0")], [], None),
        ([ip("10.2.0.1")], [ip("10.1.0.0", "255.255.0.0")], [], "IP:10.2.0.1"),
        ([uri(f"https://{NAME}/")], [uri(".example.com")], [], None),
        ([uri(f"https://{NAME}/")], [uri("example.org")], [], f"URI:https://{NAME}/"),
    ],
)
def test_the_name_that_a_constraint_forbids_is_told(
    names: list[bytes], permitted: list[bytes], excluded: list[bytes], outside: str | None
) -> None:
    """RFC 5280 4.2.1.10: a constraint is for its own type of name, and for the names below."""
    limits = name_constraints(permitted=permitted, excluded=excluded)
    middle = authority("Middle", constraints(), limits, above=ROOT)
    judged = chain(*names, middle=middle)

    found = [one.facts["outside"] for one in constraint_faults(judged, judged.path[1:])]

    assert found == ([outside] if outside else [])


def test_a_common_name_is_under_the_constraint_where_it_is_the_only_name() -> None:
    """OpenSSL judges it, although no client accepts it."""
    limits = name_constraints(permitted=[dns("example.org")])
    middle = authority("Middle", constraints(), limits, above=ROOT)
    leaf = written(subject=common_name(NAME), above=middle)
    judged = chain_of((leaf.der, middle.der))

    assert len(list(constraint_faults(judged, judged.path[1:]))) == 1


def test_names_that_can_not_be_read_are_not_said_to_be_missing() -> None:
    """The certificate may well have the host among them."""
    leaf = written(extension("2.5.29.17", b"zz"), above=ROOT)

    assert list(name_faults(chain_of((leaf.der,)).leaf, NAME)) == []


def test_names_that_lead_nowhere_from_here_are_not_advised() -> None:
    """They are the first ones in the certificate of a cluster."""
    inside = [dns("kubernetes"), dns("kubernetes.default.svc"), dns("a.svc.cluster.local")]
    alone, beside = chain(*inside).leaf, chain(*inside, dns("api.example.com")).leaf

    (finding,) = name_faults(alone, "10.0.0.7")
    assert finding.cause is IP_NOT_IN_SAN
    assert "nearest" not in finding.facts
    (finding,) = name_faults(beside, "10.0.0.7")
    assert finding.facts["nearest"] == "api.example.com"


def test_a_common_name_alone_is_told_from_one_beside_other_names() -> None:
    """The first lacks alternative names, the second has others."""
    alone = written(subject=common_name(NAME), above=ROOT)
    beside = written(alternatives(dns("b.example")), subject=common_name(NAME), above=ROOT)

    (finding,) = name_faults(chain_of((alone.der,)).leaf, NAME)
    assert finding.cause is CN_ONLY
    (finding,) = name_faults(chain_of((beside.der,)).leaf, NAME)
    assert finding.cause is HOSTNAME_MISMATCH
    assert finding.facts["entry"] == f"CN:{NAME}"
