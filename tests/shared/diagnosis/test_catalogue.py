from shared.diagnosis.catalogue import catalogue, catalogue_text
from shared.diagnosis.causes import Cause

CAUSE = Cause(
    "test.odd", "us", "{host} ist grün", ("Mend {host}.",), "endpoint", severity="warning"
)


def test_what_is_written_says_all_of_a_cause() -> None:
    """The API shows causes whose code it may not import."""
    text = catalogue_text({CAUSE.code: CAUSE})

    assert '"test.odd"' in text
    assert "grün" in text
    assert '"severity": "warning"' in text


def test_every_cause_is_found_under_its_own_code() -> None:
    """A code is what callers program against."""
    assert catalogue()
    assert all(cause.code == code for code, cause in catalogue().items())
    assert all(cause.remedies for cause in catalogue().values())
