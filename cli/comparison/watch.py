"""Compare what several sites see of a platform, and show it as it becomes known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from cli.comparison.cells import Cells
from cli.comparison.differences_view import Failure, exit_status, failures_of, told, verdict
from cli.comparison.matrix import differs_sign, matrix
from cli.service_access import ServerChoice
from cli.single.request_from_arguments import Asked
from cli.single.service_errors import service_errors_refused
from cli.terminal.exit_status import INTERRUPTED, refuse
from cli.terminal.output import Shown, live
from cli.terminal.screen import FAINT, plain, screen
from shared.request import JobRequest
from shared.request.options import REVEAL

if TYPE_CHECKING:
    from conncheck_client import Client, Comparison

SignIn = Literal["first", "all"]
EVERY_SITE = "*"


def watch_comparison(
    asked: Asked,
    secret_key_file: str | None,
    sites: Sequence[str],
    sign_in: SignIn,
    server: ServerChoice,
    shown: Shown,
) -> int:
    """Compare the sites, show what they see, and return the exit status."""
    shown.check()
    request = asked.request(secret_key_file)
    sent = request.model_dump(by_alias=True, exclude_unset=True, context=REVEAL)
    many = [*sites] or [EVERY_SITE]
    with server.client(shown.language) as client, service_errors_refused(server):
        comparison_id = client.submit_comparison(sent, many, sign_in=sign_in).comparison_id
        if not shown.as_json:
            screen().print(_title(request, server), soft_wrap=True)
        comparison = _watched(client, comparison_id, shown)
        failures = _failures(client, comparison)
        status = exit_status(comparison, failures)
        shown.write(comparison.model_dump_json(by_alias=True, indent=2))
        if not shown.as_json:
            _report(comparison, failures, status)
        return status


def _watched(client: "Client", comparison_id: str, shown: Shown) -> "Comparison":
    """Return the comparison when it is over, having drawn it until then."""
    console = screen()
    is_live = shown.is_live(console)
    try:
        cells = Cells(client.comparison(comparison_id))
        with live(console, lambda: matrix(console, cells), wanted=is_live):
            for event in client.comparison_events(comparison_id):
                cells.take(event)
    except KeyboardInterrupt:
        client.cancel_comparison(comparison_id)
        refuse("stopped: the comparison has no result", INTERRUPTED)
    if not shown.as_json and not is_live:
        console.print(matrix(console, cells))
    return cells.comparison


def _failures(client: "Client", comparison: "Comparison") -> Sequence[Failure]:
    """Return why the test fails from some sites, as their jobs tell it."""
    failed = [one for one in comparison.sites if one.outcome == "failed" and one.job_id]
    return failures_of((one.site, client.job(str(one.job_id)).failed_item) for one in failed)


def _report(comparison: "Comparison", failures: Sequence[Failure], status: int) -> None:
    console = screen()
    if any(step.differs for step in comparison.steps):
        console.print(Text(f"\n  {differs_sign(console)} differs from other sites", FAINT))
    for part in told(console, comparison, failures):
        console.print(part)
    console.print(Text())
    console.print(verdict(console, comparison, status))


def _title(request: JobRequest, server: ServerChoice) -> Text:
    title = Text.assemble("\n  ", plain(request.target, "bold"), "  ")
    about = f"{request.product.title}, from several sites of {server.url}"
    return title.append_text(plain(about, FAINT)).append("\n")
