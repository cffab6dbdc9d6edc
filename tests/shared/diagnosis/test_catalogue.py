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


def test_no_summary_tells_that_the_platform_does_not_say_which() -> None:
    """What the platform says is told behind the summary, and often it does say which."""
    told = [cause.summary for cause in catalogue().values()]

    assert not [summary for summary in told if "not say which" in summary]
