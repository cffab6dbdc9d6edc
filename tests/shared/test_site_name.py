import pytest
from pydantic import TypeAdapter, ValidationError

from shared.site_name import DEFAULT_SITE, SiteName

NAMES = TypeAdapter(SiteName)


@pytest.mark.parametrize("name", [DEFAULT_SITE, "fra1", "a", "9", "x" * 32])
def test_a_site_has_a_short_plain_name(name: str) -> None:
    """It is typed in options and environments, and read in reports."""
    assert NAMES.validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Fra1", "fra_1", "fra:1", "fra1\n", "fra1*", "fra 1", "frä1", "x" * 33, 1, None],
)
def test_no_other_name_is_one(name: object) -> None:
    """With a colon or an asterisk in it, a site's keys could be those of another site."""
    with pytest.raises(ValidationError):
        NAMES.validate_python(name)
