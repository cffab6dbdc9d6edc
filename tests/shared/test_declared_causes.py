from types import ModuleType

import pytest

import shared
import worker
from shared import declared_causes as module
from shared.declared_causes import AmbiguousCauseError, declared_causes


def test_causes_of_all_modules_are_found_by_code() -> None:
    """A cause that is not in the catalogue can't be looked up."""
    codes = [cause.code for cause in declared_causes(shared, worker)]

    assert codes == sorted(codes)
    assert {"tcp.refused", "input.url_malformed", "self.internal_error"} <= {*codes}


def test_a_code_leads_to_one_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would be two answers to one question."""
    from worker.steps.tcp_connect import REFUSED

    twin = type(REFUSED)(code=REFUSED.code, owner="us", summary="", remedies=())
    holder = ModuleType("holder")
    monkeypatch.setattr(holder, "TWIN", twin, raising=False)
    monkeypatch.setattr(module, "TWIN", twin, raising=False)

    with pytest.raises(AmbiguousCauseError, match=r"tcp\.refused"):
        declared_causes(shared, worker)
