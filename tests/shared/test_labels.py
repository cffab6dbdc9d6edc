import pytest
from pydantic import ValidationError

from shared.labels import LONGEST_LABEL, LONGEST_LABEL_NAME, is_label_name, is_label_value
from shared.uploads.field_names import field_of
from shared.wire.batches import BatchRow

NAMES = ("owner", "Cost centre", "负责人", "site-2", "a.b_c", "x" * LONGEST_LABEL_NAME)
NO_NAMES = ("", " owner", "owner=", "a(b)", "a\u202eb", "a\u00a0b", "x" * (LONGEST_LABEL_NAME + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_label_that_a_header_names_is_one_of_a_row(name: str) -> None:
    """With two rules, the header is taken and then each of its rows refused."""
    meaning = field_of(f"label.{name}")
    row = {"productType": "tcp", "endpoint": "h:1", "labels": {name: "Alice"}}

    assert is_label_name(name)
    assert meaning is not None
    assert meaning.field == f"label.{name}"
    assert BatchRow.model_validate(row).labels == {name: "Alice"}


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_other_name_is_one(name: str) -> None:
    """NAME=VALUE must be told apart, and a name is shown where others are beside it."""
    assert not is_label_name(name)


@pytest.mark.parametrize(
    "name", ["password", "VPN-Passwort", "api_token", "Secret Key", "登录密码"]
)
def test_a_label_has_no_name_of_a_secret(name: str) -> None:
    """Labels are stored as they are, and shown to all who see the batch."""
    row = {"productType": "tcp", "endpoint": "h:1", "labels": {name: "sesame"}}

    assert not is_label_name(name)
    assert field_of(f"label.{name}") is None
    with pytest.raises(ValidationError, match="a secret's name"):
        BatchRow.model_validate(row)


@pytest.mark.parametrize("name", ["password owner", "tokens", "secretary"])
def test_a_name_that_only_begins_like_a_secret_is_a_label(name: str) -> None:
    """It says what the value is at its end."""
    assert is_label_name(name)


def test_a_value_is_one_short_line() -> None:
    """It is shown in a cell of a table."""
    assert is_label_value("x" * LONGEST_LABEL)
    assert not any(map(is_label_value, ("", "a\nb", "a\u202eb", "x" * (LONGEST_LABEL + 1))))
