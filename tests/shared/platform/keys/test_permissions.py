import pytest

from shared.diagnosis.outcomes import Failed
from shared.platform.keys.key_pair import DENIED
from shared.platform.keys.permissions import PARTIAL, permissions

KNOWN = {"host": "h", "product": "P"}


def test_a_key_that_may_do_everything_passes_with_the_table() -> None:
    """The table is what an auditor wants to see."""
    passed = permissions(["VM.Audit"], [])

    assert passed.facts == {"have": ("VM.Audit",), "lack": ()}
    assert not passed.warnings


def test_a_missing_permission_is_a_warning_that_names_it() -> None:
    """Connecting works; what will not work later is told now."""
    passed = permissions(["VM.Audit"], ["Sys.Audit", "Pool.Audit"])

    (warning,) = passed.warnings
    assert warning.cause is PARTIAL
    assert "Sys.Audit, Pool.Audit" in warning.summary(KNOWN)
    assert "Sys.Audit, Pool.Audit" in warning.remedies(KNOWN)[0]
    assert passed.facts["lack"] == ("Sys.Audit", "Pool.Audit")


def test_a_key_that_may_do_nothing_of_it_fails() -> None:
    """To call that connected would help nobody."""
    with pytest.raises(Failed) as caught:
        permissions([], ["Sys.Audit"])

    assert caught.value.cause is DENIED
    assert "Sys.Audit" in caught.value.finding.summary(KNOWN)
