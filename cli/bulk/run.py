"""Run a bulk test, in this process or on a service, and write its results."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.text import Text

from cli.bulk.by_service import BulkThere, batch_of, rejected_of
from cli.bulk.finish import Finished, finish
from cli.bulk.in_process import BulkHere
from cli.bulk.judged import judged_files
from cli.bulk.output.result_table import ResultTable
from cli.bulk.output.template_file import write_template
from cli.bulk.platform_files import PlatformFiles, read_files
from cli.bulk.state import BulkState, open_state
from cli.bulk.views.tally import Tally, tally_of
from cli.bulk.views.view import progress
from cli.bulk.wishes import BulkWishes
from cli.service.descriptor_limit import raise_descriptor_limit
from cli.service_access import Where
from cli.single.in_process import InProcess
from cli.single.service_errors import service_errors_refused
from cli.terminal.exit_status import COULD_NOT_TEST, INTERRUPTED, PASSED, refuse
from cli.terminal.screen import FAINT, counted, plain, screen
from conncheck_client import InvalidRequestError, NoSuchError

if TYPE_CHECKING:  # it loads httpx, which a bulk test in this process does not need
    from conncheck_client import Client


def run_bulk(wishes: BulkWishes, where: Where) -> int:
    """Test all platforms, show and write the results, and return the exit status."""
    wishes.check(has_server=where.server is not None)
    if wishes.template:
        write_template(wishes.template, wishes.language)
        return PASSED
    console = screen()
    if wishes.dry_run:
        # Here, because a test writes no invalid rows.
        from cli.bulk.dry_run import run_dry_run

        return run_dry_run(console, wishes, where)
    if where.server is None:
        return _run_here(console, wishes, where)
    server = where.server
    with service_errors_refused(server), server.client(wishes.language) as client:
        return _run_there(console, wishes, client, server.url)


def _run_here(console: Console, wishes: BulkWishes, where: Where) -> int:
    raise_descriptor_limit()
    judged = judged_files(wishes)
    files, settings, items = judged.files, judged.settings, judged.items()
    state = _state(wishes, files, "here")
    done = dict(state.done) if state else {}
    left = [item for item in items if item.index not in done]
    tester = InProcess(settings, where.networks)
    run = BulkHere(tester, left, wishes.parallel, settings.per_target, wishes.language)
    tally = tally_of(len(items), done.values())
    _say_how_much(console, wishes, files.name, tally, "in this process")
    try:
        with progress(console, tally, wanted=_is_live(wishes)) as shown:
            for one in run.results():
                done[one.index] = one
                if state:
                    state.keep_result(one)
                tally.take(one)
                shown.show()
    except KeyboardInterrupt:
        run.end()
        _stopped(f"{tally.done} of {counted(tally.total, 'platform')} tested", wishes.output)
    if tally.done < tally.total:
        crashed = counted(tally.total - tally.done, "test")
        refuse(f"{crashed} crashed; the other results are kept", COULD_NOT_TEST)
    results = [done[index] for index in sorted(done)]
    table = ResultTable.of(judged, items).content
    return finish(console, wishes, state, Finished(results, judged.rejected_rows(), table))


def _run_there(console: Console, wishes: BulkWishes, client: "Client", server: str) -> int:
    if wishes.batch_id:
        batch = _known_batch(wishes, wishes.batch_id, client)
        return _followed(console, wishes, batch, f"batch {batch.batch_id}", server)
    files = read_files(wishes)
    state = _state(wishes, files, server)
    try:
        batch = batch_of(client, files, state)
    except InvalidRequestError as error:
        if rejected := rejected_of(error.problem):  # all rows: there is no batch
            table = ResultTable.of_rejected(rejected, wishes.language).content
            return finish(console, wishes, state, Finished((), rejected, table))
        raise
    return _followed(console, wishes, batch, files.name, server, state)


def _followed(
    console: Console,
    wishes: BulkWishes,
    batch: BulkThere,
    name: str,
    server: str,
    state: BulkState | None = None,
) -> int:
    tally = _tally_of(batch, state)
    _say_how_much(console, wishes, name, tally, f"on {server}, batch {batch.batch_id}")
    try:
        with progress(console, tally, wanted=_is_live(wishes)) as shown:
            finished = batch.follow(shown)
    except KeyboardInterrupt:
        again = f"follow it again with --batch {batch.batch_id}"
        refuse(f"stopped watching; the batch continues on the service: {again}", INTERRUPTED)
    found = Finished(batch.results(), batch.rejected(finished.rejected), batch.table)
    return finish(console, wishes, state, found)


def _tally_of(batch: BulkThere, state: BulkState | None) -> Tally:
    try:
        return batch.tally()
    except NoSuchError:
        again = f"; delete {state.path} to start again" if state else ""
        gone = f"the service has no batch {batch.batch_id}; it may have expired"
        refuse(f"{gone}{again}", COULD_NOT_TEST)


def _known_batch(wishes: BulkWishes, batch_id: str, client: "Client") -> BulkThere:
    if wishes.cancel:
        client.cancel_batch(batch_id)
    if wishes.retry:
        choice = wishes.choice
        batch_id = client.retry_batch(
            batch_id, cause=choice.cause, labels=choice.labels, refs=choice.refs
        ).batch_id
    return BulkThere(client, batch_id)


def _state(wishes: BulkWishes, files: PlatformFiles, where: str) -> BulkState | None:
    """Return the state file beside the results file; without --output there is none."""
    if wishes.output is None:
        return None
    path = wishes.output.with_name(f"{wishes.output.name}.state")
    return open_state(path, files.identity, where)


def _is_live(wishes: BulkWishes) -> bool:
    return sys.stdout.isatty() and not wishes.as_json


def _say_how_much(
    console: Console, wishes: BulkWishes, name: str, tally: Tally, where: str
) -> None:
    if wishes.as_json:
        return
    title = Text("\n  ").append_text(plain(name, "bold"))
    title.append_text(plain(f"  {counted(tally.total, 'platform')}, {where}", FAINT))
    if tally.done:
        title.append_text(plain(f"; {tally.done} tested before", FAINT))
    console.print(title, soft_wrap=True)
    if _is_live(wishes):
        console.print()


def _stopped(done: str, output: Path | None) -> NoReturn:
    resume = "run the same command again to continue"
    how = resume if output else "with --output, a stopped run can be continued"
    refuse(f"stopped: {done}; {how}", INTERRUPTED)
