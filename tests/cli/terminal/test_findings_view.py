import io

import pytest
from rich.console import Console

from cli.terminal.findings_view import exit_status, findings, verdict
from conncheck_client import Contribution, JobStatus, Report
from shared.diagnosis.causes import Owner
from tests.cli.terminal.test_steps_view import BEGAN, an_item

HOSTILE = "[red]\x1b[2J\u202e[/red]"


def a_job(status: JobStatus = "finished", owner: Owner = "platform") -> Report:
    found = {"cause": "tls.x", "owner": owner, "summary": HOSTILE, "remedies": (HOSTILE,)}
    beside = Contribution(
        cause=HOSTILE,
        owner="us",
        severity="failed",
        field=None,
        summary=HOSTILE,
        evidence={},
        remedies=(HOSTILE,),
    )
    more = {"evidence": {HOSTILE: HOSTILE, "names": (HOSTILE,)}, "contributing": (beside,)}
    item = an_item("dns_lookup", 0, 1, "failed").model_copy(update={**found, **more})
    return Report(
        status=status,
        success=False,
        items=(item,),
        steps_to_come=(),
        recommendation=HOSTILE,
        product_type="zstack",
        endpoint="http://h:1",
        queue_ms=None,
        created_at=BEGAN,
        started_at=None,
        finished_at=None,
    )


@pytest.mark.parametrize("status", ["finished", "cancelled"])
def test_nothing_of_a_finding_reaches_the_terminal_as_it_came(status: JobStatus) -> None:
    """Texts, evidence and names alike: a service that is not ours may have sent them."""
    file = io.StringIO()
    console = Console(file=file, width=200, color_system=None, force_terminal=True)

    for part in findings(console, a_job(status)):
        console.print(part)
    console.print(verdict(console, a_job(status)))

    assert "\x1b" not in file.getvalue()
    assert "\u202e" not in file.getvalue()
    assert file.getvalue().count("[red]") >= 6


@pytest.mark.parametrize(
    ("status", "owner", "expected"),
    [
        ("finished", "platform", 1),
        ("finished", "caller", 1),
        ("finished", "network", 1),
        ("finished", "us", 3),
        ("lost", "us", 3),
        ("expired", "platform", 3),
        ("cancelled", "platform", 3),
    ],
)
def test_only_a_verdict_on_the_platform_is_a_failure(
    status: JobStatus, owner: Owner, expected: int
) -> None:
    """Who pages the platform's owner at night must be right."""
    assert exit_status(a_job(status, owner)) == expected
