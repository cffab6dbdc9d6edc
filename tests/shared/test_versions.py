from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.outcomes import Failed
from shared.products import PRODUCTS
from shared.versions import END_OF_LIFE, UNSUPPORTED, too_old

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
PRODUCT = replace(
    PRODUCTS["zstack"],
    oldest_version="3.10",
    ended_versions={"4.1": YESTERDAY, "4.10": date.max},
)


@pytest.mark.parametrize("version", ["2.9", "3.9.12", "3.9-beta_10"])
def test_a_version_before_the_oldest_fails(version: str) -> None:
    """Its API lacks what a sign-in needs; 3.9 is older than 3.10, whatever the letters say."""
    with pytest.raises(Failed) as raised:
        too_old(PRODUCT, {"version": version})

    assert raised.value.cause is UNSUPPORTED


def test_a_version_whose_support_has_ended_is_a_warning() -> None:
    """It works today; the next fault in it stays."""
    (warning,) = too_old(PRODUCT, {"version": "4.1.7"})

    assert warning.cause is END_OF_LIFE
    assert f"since {YESTERDAY}" in warning.summary({"host": "x", "product": "y"})


@pytest.mark.parametrize("version", ["3.10", "3.10.38", "4.10.2", "4.12", "5.2.1+h1", "", "next"])
def test_any_other_version_is_fine(version: str) -> None:
    """4.10 and 4.12 begin with 4.1 for a reader of letters alone, and 'next' can't be judged."""
    assert too_old(PRODUCT, {"version": version}) == ()


def test_a_product_without_limits_takes_any_version() -> None:
    """Most products know none."""
    assert too_old(PRODUCTS["zstack"], {"version": "0.1"}) == ()
    assert too_old(PRODUCT, {}) == ()
