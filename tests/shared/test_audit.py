import logging

import pytest

from shared.audit import audit, audit_refusal
from shared.diagnosis.entries import StepEnded
from shared.steps import INSPECTION
from tests.shared.diagnosis.stories import REFUSED, closed, queued, started, step


def fields(caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    (record,) = caplog.records
    found: dict[str, str] = vars(record)["fields"]
    return found


def test_a_line_says_who_had_what_tested_and_how_it_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The question after an incident is who did what, when, and from where."""
    caplog.set_level(logging.INFO, "conncheck.audit")
    asked = queued().model_copy(update={"token_name": "ci", "client": "192.0.2.9", "site": "fra1"})

    audit("4f2a", [asked, started(), *step("tcp_connect", REFUSED), closed()])

    assert fields(caplog) == {
        "job": "4f2a",
        "action": "test",
        "tenant": "alice",
        "token": "ci",
        "client": "192.0.2.9",
        "product": "zstack",
        "endpoint": "http://db.example.com:8443",
        "site": "fra1",
        "queuedAt": "2026-11-23T17:43:52.000+00:00",
        "status": "finished",
        "outcome": "failed",
        "step": "tcp_connect",
        "cause": "tcp.refused",
    }


def test_a_job_that_passed_is_told_from_one_that_never_ran(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing failed in a job that was cancelled, but nothing passed either."""
    caplog.set_level(logging.INFO, "conncheck.audit")

    audit("4f2a", [queued(), started(), *step("tcp_connect"), closed()])
    audit("4f2a", [queued(), closed("cancelled")])

    told = [vars(record)["fields"] for record in caplog.records]
    assert [(one["status"], one["outcome"]) for one in told] == [
        ("finished", "passed"),
        ("cancelled", "failed"),
    ]


def test_a_cause_is_no_text_of_a_stolen_worker(caplog: pytest.LogCaptureFixture) -> None:
    """The audit log is read by people, and by programs that split it."""
    caplog.set_level(logging.INFO, "conncheck.audit")
    begun, ended = step("tcp_connect", REFUSED)
    assert isinstance(ended, StepEnded)
    forged = ended.causes[0].model_copy(update={"code": "call 555 0100 \x1b[2J"})

    audit("4f2a", [queued(), begun, ended.model_copy(update={"causes": (forged,)}), closed()])

    assert fields(caplog)["cause"] == "self.unexplained"


def test_a_job_that_goes_on_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """One line a job."""
    caplog.set_level(logging.INFO, "conncheck.audit")

    audit("4f2a", [queued(), started(), *step("tcp_connect")])

    assert not caplog.records


def test_a_look_is_told_from_a_test(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was signed in to."""
    caplog.set_level(logging.INFO, "conncheck.audit")

    audit("4f2a", [queued().model_copy(update={"steps": INSPECTION}), started(), closed()])

    assert fields(caplog)["action"] == "inspect"


def test_what_became_no_job_is_told_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """Who keeps asking for what he may not have is worth a question."""
    caplog.set_level(logging.INFO, "conncheck.audit")

    audit_refusal(
        tenant="acme",
        token="ci",
        client="192.0.2.9",
        cause="policy.port_blocked",
        endpoint="http://db.example.com:22",
    )

    told = fields(caplog)
    assert (told["status"], told["cause"]) == ("refused", "policy.port_blocked")
    assert (told["tenant"], told["token"], told["client"]) == ("acme", "ci", "192.0.2.9")
    assert told["endpoint"] == "http://db.example.com:22"
