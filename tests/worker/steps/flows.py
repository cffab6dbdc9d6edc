"""Flows that a product might have, for the steps that run one."""

from typing import Any

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.platform.http import Flow, HttpRequest

ITS_OWN = Cause("test.its_own", "platform", "{host} said {word}", ())


def asking_twice() -> Flow[Passed[str]]:
    """Pass with both answers."""
    first = yield HttpRequest("GET", "/first")
    second = yield HttpRequest("GET", "/second")
    return Passed(first.text + second.text, seen=2)


def finding_a_fault() -> Flow[Passed[Any]]:
    """Fail with a cause of the product's own."""
    response = yield HttpRequest("GET", "/")
    raise Failed(ITS_OWN, word=response.text)
