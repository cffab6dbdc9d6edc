"""AWS and S3 against moto, which checks signatures, keys, tokens and policies.

Moto has no clock to be off and does not end temporary keys, so these are left to recorded answers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.products.own_server import own_server
from tests.products.pipeline import outcome_of

EACH = pytest.mark.parametrize("product", ["aws", "s3"])
UNKNOWN = {"accessKey": "AKIAZZZZZZZZZZZZZZZZ", "secretKey": "x" * 40}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """Give the port and the key pairs of a moto that is up."""
    with own_server("moto", tmp_path_factory.mktemp("moto")) as said:
        yield said


def at(moto: Mapping[str, Any]) -> str:
    return f"http://127.0.0.1:{moto['port']}"


@EACH
def test_a_right_key_pair_passes_all_steps(moto: Mapping[str, Any], product: str) -> None:
    """The server computes the signature from what arrived."""
    outcome = outcome_of(product, at(moto), moto["reader"])

    assert outcome.cause is None
    assert outcome.warnings == set()
    assert outcome.facts("authorize")["lack"] == ()


def test_aws_says_who_signed(moto: Mapping[str, Any]) -> None:
    """A key pair from the wrong drawer is noticed by its name."""
    facts = outcome_of("aws", at(moto), moto["reader"]).facts("authenticate")

    assert facts["principal"] == "arn:aws:iam::123456789012:user/reader"


@EACH
def test_a_wrong_secret_is_told_from_an_unknown_key(moto: Mapping[str, Any], product: str) -> None:
    """One is typed wrong, the other is deleted or of another account."""
    wrong = outcome_of(product, at(moto), {**moto["reader"], "secretKey": "x" * 40})
    unknown = outcome_of(product, at(moto), UNKNOWN)

    assert wrong.cause == ("authenticate", "auth.secret_mismatch")
    assert unknown.cause == ("authenticate", "auth.unknown_access_key")


@EACH
def test_a_key_without_rights_signs_in_and_is_denied(moto: Mapping[str, Any], product: str) -> None:
    """The remedy is a policy, not another key."""
    assert outcome_of(product, at(moto), moto["nothing"]).cause == ("authorize", "authz.denied")


def test_a_temporary_key_signs_in_with_its_token(moto: Mapping[str, Any]) -> None:
    """It may do nothing, but it is right."""
    outcome = outcome_of("aws", at(moto), moto["temporary"])

    assert outcome.ended["authenticate"].outcome == "passed"
    assert "assumed-role/role" in outcome.facts("authenticate")["principal"]


def test_a_temporary_key_without_its_token_is_not_even_sent(moto: Mapping[str, Any]) -> None:
    """AWS would call the key unknown, which it is not."""
    keys = {k: v for k, v in moto["temporary"].items() if k != "sessionToken"}

    assert outcome_of("aws", at(moto), keys).cause == ("authenticate", "auth.session_token_missing")


def test_a_wrong_token_is_told_from_a_wrong_secret(moto: Mapping[str, Any]) -> None:
    """S3 says so; STS has one answer for it and an unknown key."""
    keys = {**moto["temporary"], "sessionToken": "FwoGZXIvYXdzEwrong"}

    assert outcome_of("s3", at(moto), keys).cause == ("authenticate", "auth.session_token_invalid")
    assert outcome_of("aws", at(moto), keys).cause == ("authenticate", "auth.unknown_access_key")


def test_a_key_for_one_bucket_passes_where_the_bucket_is_named(moto: Mapping[str, Any]) -> None:
    """Such keys are what people should make."""
    keys = moto["one_bucket"]

    assert outcome_of("s3", at(moto), keys).cause == ("authorize", "authz.denied")
    assert outcome_of("s3", at(moto), keys, bucket="the-bucket").cause is None


@pytest.mark.parametrize(
    ("user", "bucket", "cause"),
    [
        ("nothing", "the-bucket", "authz.denied"),
        ("reader", "no-such-bucket", "api.bucket_not_found"),
    ],
)
def test_a_bucket_that_can_not_be_read_is_told_why(
    moto: Mapping[str, Any], user: str, bucket: str, cause: str
) -> None:
    """One is for the administrator to mend, the other for the caller."""
    outcome = outcome_of("s3", at(moto), moto[user], bucket=bucket)

    assert outcome.cause == ("authorize", cause)


def test_each_of_the_two_is_told_from_the_other_products(moto: Mapping[str, Any]) -> None:
    """No secret goes to a platform of another kind."""
    for product in ("openstack", "cloudstack", "tencentcloud"):
        outcome = outcome_of(product, at(moto), moto["reader"])
        assert outcome.cause
        assert outcome.cause[0] == "product_identify"
