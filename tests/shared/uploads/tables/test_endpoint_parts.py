from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.endpoint import parse_endpoint
from shared.uploads.tables.endpoint_parts import ContradictionError, joined


@pytest.mark.parametrize(
    "host", ["h.example.com", "10.0.0.1", "fe80::1", "[fe80::1]", "https://h/p"]
)
@pytest.mark.parametrize("port", ["", "8443", "8443.0", "8443,00"])
@pytest.mark.parametrize("scheme", ["", "https", "HTTPS://", "tcp"])
def test_the_parts_make_an_endpoint_that_can_be_parsed(host: str, port: str, scheme: str) -> None:
    """A table has them in columns of their own."""
    found = parse_endpoint(joined(host, port, scheme))

    assert found.port == (8443 if port else None)
    assert found.scheme == ("https" if "https" in f"{host}{scheme}".lower() else None)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (("h:1", "2"), "port"),
        (("https://[fe80::1]:1/p", "2"), "port"),
        (("http://h", "", "https"), "scheme"),
    ],
)
def test_a_part_that_contradicts_the_host_is_named(parts: tuple[str, ...], field: str) -> None:
    """Only the caller knows which is right."""
    with pytest.raises(ContradictionError) as caught:
        joined(*parts)

    assert str(caught.value.said) == f"has a {field} that is not the one in its address"


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("10.3.0.11/24", "10.3.0.11"),
        ("2001:db8::1/64", "[2001:db8::1]"),
        ("10.3.0.11/33", "10.3.0.11/33"),
        ("10.3.0.11/api", "10.3.0.11/api"),
        ("https://10.3.0.11/24", "https://10.3.0.11/24"),
    ],
)
def test_the_length_of_a_prefix_is_no_path(written: str, endpoint: str) -> None:
    """NetBox exports the addresses of devices with it."""
    assert joined(written) == endpoint
    if "/" not in endpoint:
        assert joined(written, "443") == f"{endpoint}:443"


@given(st.text(max_size=20), st.text(max_size=6), st.text(max_size=6))
def test_any_cells_are_joined(host: str, port: str, scheme: str) -> None:
    """What is wrong in them is validation's to say."""
    with suppress(ContradictionError):
        joined(host, port, scheme)
