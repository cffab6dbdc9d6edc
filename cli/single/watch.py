"""Test one platform and show the steps as they run, in this process or on a service."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from cli.arguments import settings_or_refuse
from cli.service_access import ServerChoice, Where
from cli.single.in_process import InProcess
from cli.single.reproduce import reproducing
from cli.single.request_from_arguments import Asked
from cli.single.service_errors import service_errors_refused
from cli.terminal.exit_status import INTERRUPTED, refuse
from cli.terminal.findings_view import exit_status, findings, verdict
from cli.terminal.output import Shown, live
from cli.terminal.screen import FAINT, plain, screen
from cli.terminal.steps_view import StepsSoFar, steps_table
from shared.mock.story import MockRefusedError
from shared.request import JobRequest
from shared.request.options import REVEAL

if TYPE_CHECKING:
    from cli.terminal.shown import Event, Report
    from conncheck_client import Client

_BLOCKED = "policy.address_blocked"


@dataclass(frozen=True, slots=True)
class _Watched:
    """A test that has started, here or on a service."""

    where: str
    events: "Iterator[Event]"
    cancel: Callable[[], object]
    job: "Callable[[], Report]"
    is_here: bool
    """Whether it runs in this process, whose policy is the caller's own."""


def watch_test(asked: Asked, secret_key_file: str | None, where: Where, shown: Shown) -> int:
    """Test a platform, show it, and return the exit status."""
    shown.check()
    request = asked.request(secret_key_file)
    if where.server is None:
        job = _test_here(InProcess(settings_or_refuse(), where.networks), request, shown)
    else:
        with where.server.client(shown.language) as client:
            job = _test_there(client, where.server, request, shown)
    return exit_status(job)


def _test_here(in_process: InProcess, request: JobRequest, shown: Shown) -> "Report":
    try:
        started = in_process.start(request)
    except MockRefusedError as error:  # a mock of a cause that refuses a request before the test
        refuse(str(error))
    where = "a mock: nothing is tested" if request.options.mock else "in this process"
    job = partial(started.job, shown.language)
    watched = _Watched(where, started.events(), started.cancel, job, is_here=True)
    return _watch(request, watched, shown)


def _test_there(
    client: "Client", server: ServerChoice, request: JobRequest, shown: Shown
) -> "Report":
    with service_errors_refused(server):
        sent = request.model_dump(by_alias=True, exclude_unset=True, context=REVEAL)
        job_id = client.submit(sent).job_id
        watched = _Watched(
            f"on {server.url}",
            client.events(job_id),
            lambda: client.cancel(job_id),
            lambda: client.finished(job_id),
            is_here=False,
        )
        return _watch(request, watched, shown)


def _watch(request: JobRequest, watched: _Watched, shown: Shown) -> "Report":
    """Show the test while it runs, then its result."""
    console = screen()
    so_far = StepsSoFar(request.steps)
    is_live = shown.is_live(console)
    if not shown.as_json:
        console.print(_title(request, watched.where), soft_wrap=True)
    try:
        with live(console, lambda: steps_table(console, so_far), wanted=is_live):
            for event in watched.events:
                so_far.take(event)
    except KeyboardInterrupt:
        watched.cancel()
        refuse("stopped: the test has no result", INTERRUPTED)
    job = watched.job()
    if not shown.as_json and not is_live:
        console.print(steps_table(console, so_far))
    _report(console, request, job, shown, is_here=watched.is_here)
    return job


def _report(
    console: Console, request: JobRequest, job: "Report", shown: Shown, *, is_here: bool
) -> None:
    shown.write(job.model_dump_json(by_alias=True, indent=2))
    if shown.as_json:
        return
    for part in findings(console, job):
        console.print(part)
    if is_here and any(item.cause == _BLOCKED for item in job.items):
        console.print(Text("    To allow it here: --allow-network CIDR, e.g. 127.0.0.0/8", FAINT))
    if shown.explain:
        console.print(Text("\n  Reproduce it yourself", "bold"))
        console.print(reproducing(console, request, job))
    console.print(Text())
    console.print(verdict(console, job))


def _title(request: JobRequest, where: str) -> Text:
    title = Text.assemble("\n  ", plain(request.target, "bold"), "  ")
    return title.append_text(plain(f"{request.product.title}, {where}", FAINT)).append("\n")
