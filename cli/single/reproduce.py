"""Print commands that reproduce without conncheck what the steps found."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.terminal.screen import FAINT, mark, plain
from shared.reporting.commands import command_for
from shared.request import JobRequest
from shared.steps import StepName
from worker.journaled_run import known_facts

if TYPE_CHECKING:
    from cli.terminal.shown import DetailedItem, Report

WITHOUT_COMMAND = "no command: this step needs the key pair, or sent nothing"


def reproducing(console: Console, request: JobRequest, job: "Report") -> Table:
    """Return a command for each step that ran, in their order; none contains a secret."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(style=FAINT, no_wrap=True)
    table.add_column(overflow="fold")
    for item, command in commands(request, job):
        shown = plain(command) if command else Text(WITHOUT_COMMAND, FAINT)
        table.add_row(mark(console, item.outcome), plain(item.name), shown)
    return table


def commands(request: JobRequest, job: "Report") -> "Iterator[tuple[DetailedItem, str]]":
    """Yield each step that ran with its command, empty where there is none."""
    known = dict(known_facts(request))
    steps: dict[str, StepName] = {step: step for step in request.steps}
    for item in job.made:
        address = item.evidence.get("address")
        if isinstance(address, str):
            known["address"] = address
        step = steps.get(item.name)
        if step is None or _is_its_own_answer(item, request):
            yield item, ""
        else:
            yield item, item.command or command_for(step, item.cause or "", known)


def _is_its_own_answer(item: "DetailedItem", request: JobRequest) -> bool:
    """Return whether the endpoint is an address, which needs no lookup."""
    return item.evidence.get("addresses") == (request.target.host,)
