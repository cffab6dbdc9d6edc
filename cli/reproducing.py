"""Name the commands with which an operator sees for himself what the steps saw."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.screen import FAINT, mark, plain
from shared.endpoint import parse_endpoint
from shared.outcomes import Fact
from shared.products import PRODUCTS
from shared.report import DetailedItem, Job
from worker.commands import command_for

WITHOUT_COMMAND = "needs the key pair: run conncheck again"


def reproducing(console: Console, job: Job) -> Table:
    """Return a command for each step that was made, in their order; none has a secret in it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(style=FAINT, no_wrap=True)
    table.add_column(overflow="fold")
    for item, command in commands(job):
        shown = plain(command) if command else Text(WITHOUT_COMMAND, FAINT)
        table.add_row(mark(console, item.outcome), plain(item.name), shown)
    return table


def commands(job: Job) -> Iterator[tuple[DetailedItem, str]]:
    """Give each step that was made with its command, empty where there is none."""
    known = _known(job)
    for item in job.items:
        address = item.evidence.get("address")
        if isinstance(address, str) and "address" not in known:
            known["address"] = address
        yield item, item.command or command_for(item.name, known)  # type: ignore[arg-type]


def _known(job: Job) -> dict[str, Fact]:
    target = parse_endpoint(job.endpoint)
    path = PRODUCTS[job.product_type].hello(target).path
    url = f"{target.scheme}://{target.bracketed_host}:{target.port}{path}"
    return {"host": target.server_name, "port": target.port or 0, "url": url}
