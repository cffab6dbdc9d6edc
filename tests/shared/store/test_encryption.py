"""Tests of what a URL says of encryption."""

import pytest

from shared.store.encryption import encryption_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis.example.com:6379/0", "none"),
        ("redis://conncheck-fra1:secret@redis.example.com:6379/0", "none"),
        ("redis://:secret@127.0.0.1:6379/0", "local"),
        ("unix:///run/redis.sock", "local"),
        ("rediss://redis.example.com:6379/0", "verified"),
        ("rediss://redis.example.com:6379/0?ssl_ca_certs=/ca.pem", "verified"),
        ("rediss://redis.example.com:6379/0?ssl_cert_reqs=none", "unverified"),
        ("rediss://redis.example.com:6379/0?ssl_check_hostname=false", "unverified"),
        ("rediss+sentinel://one.example.com,two.example.com/main/0", "verified"),
        ("redis+sentinel://one.example.com,two.example.com/main/0", "none"),
    ],
)
def test_encryption_that_trusts_anyone_is_told_from_one_that_does_not(
    url: str, expected: str
) -> None:
    """An attacker between a site and the core reads a password that is sent to whoever answers."""
    assert encryption_of(url) == expected
