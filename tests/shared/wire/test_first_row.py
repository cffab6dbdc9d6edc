import pytest

from shared.text import MASK
from shared.uploads.row import Row
from shared.wire.batches import BatchRow
from shared.wire.first_row import first_row
from tests.certificates.authority import Authority
from tests.running.service import a_request

SECRET = "canary-secret-9e1b"


def shown(**changes: object) -> dict[str, str]:
    """Return the values that are shown of a row."""
    content = {**a_request("h.example.com"), "secretKey": SECRET, **changes}
    return first_row(Row("line 1", content), BatchRow.model_validate(content)).values


@pytest.mark.parametrize(
    ("access_key", "told"),
    [("abcdefgh", f"ab{MASK}gh"), ("abcdefg", MASK), ("x" * 40, f"xx{MASK}xx")],
)
def test_an_access_key_is_recognized_and_not_read(access_key: str, told: str) -> None:
    """Its owner sees whether the columns are the right ones."""
    assert shown(accessKey=access_key)["accessKey"] == told


def test_nothing_of_a_secret_is_shown_not_even_its_length() -> None:
    """A screen is shared more often than a file."""
    assert shown()["secretKey"] == shown(secretKey="s")["secretKey"] == MASK


@pytest.mark.parametrize("name", ["sessionToken", "session_token"])
def test_a_secret_option_is_masked_by_each_of_its_names(name: str) -> None:
    """The products say which of their options are secrets."""
    options = {name: SECRET, "region": "eu-central-1"}
    values = shown(productType="aws", accessKey="ASIA" + "A" * 16, options=options)

    assert values[f"options.{name}"] == MASK
    assert values["options.region"] == "eu-central-1"
    assert SECRET not in repr(values)


def test_certificates_are_shortened(authority: Authority) -> None:
    """A bundle has 200 KB, and a row is shown on a line."""
    values = shown(options={"tls": {"caCertificate": authority.pem}})

    assert values["options.tls.caCertificate"] == "-----BEGIN CERTIFICATE-----…"


def test_fields_that_are_not_set_are_not_shown() -> None:
    """What is shown is what the file says."""
    values = shown(productType="tcp", accessKey="", secretKey="", endpoint="10.0.0.5:22", name="A")

    assert values == {"productType": "tcp", "endpoint": values["endpoint"], "name": "A"}


def test_an_alias_is_shown_as_the_product_that_it_means() -> None:
    """It is what will be tested."""
    assert shown(productType="vmware")["productType"] == "vsphere"
