from datetime import date

import pytest

from shared.diagnosis.outcomes import Failed, Passed
from shared.platform.versions import API_VERSION_UNSUPPORTED, VERSION_EOL, judged

TODAY = date(2026, 11, 27)
TABLE = {"6": date(2022, 7, 31), "7": date(2024, 7, 31), "7.9": date(2030, 1, 1)}
KNOWN = {"host": "h", "product": "P"}


@pytest.mark.parametrize("version", ["7.4-17", "7", "v7.4.1", "7.4.1.2.3-build", "6.99"])
def test_a_version_past_its_end_is_a_warning_with_the_date(version: str) -> None:
    """What nobody mends any more works today, and is how people get broken into."""
    passed = judged(Passed(1, version=version), "", TABLE, TODAY)

    (warning,) = passed.warnings
    assert warning.cause is VERSION_EOL
    assert str(warning.facts["end_of_life"]) in warning.summary(KNOWN)
    assert (passed.value, passed.facts) == (1, {"version": version})


@pytest.mark.parametrize("version", ["8.0", "70.1", "7.9.3", "", "rolling", "9" * 5000])
def test_a_version_that_is_supported_or_unknown_is_no_warning(version: str) -> None:
    """A table that is behind must not cry wolf; the longest match is the version's own."""
    assert not judged(Passed(1, version=version), "", TABLE, TODAY).warnings


def test_the_last_day_is_still_supported() -> None:
    """The date is the last day of support."""
    assert not judged(Passed(1, version="7.1"), "", TABLE, TABLE["7"]).warnings


@pytest.mark.parametrize(("version", "is_too_old"), [("6.1", True), ("6.2", False), ("10", False)])
def test_a_version_that_is_too_old_fails(version: str, *, is_too_old: bool) -> None:
    """Numbers are compared as numbers: 10 is newer than 6.2."""
    if not is_too_old:
        assert judged(Passed(1, version=version), "6.2", {}, TODAY).value == 1
        return
    with pytest.raises(Failed) as caught:
        judged(Passed(1, version=version), "6.2", {}, TODAY)
    assert caught.value.cause is API_VERSION_UNSUPPORTED
    assert "6.2" in caught.value.finding.summary(KNOWN)


def test_where_no_version_is_known_nothing_is_judged() -> None:
    """Some platforms tell it only after the sign-in, or never."""
    passed = Passed(1, edition="x")

    assert judged(passed, "6.2", TABLE, TODAY) is passed
