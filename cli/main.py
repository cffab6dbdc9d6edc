"""The command `conncheck`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from cli.arguments import settings_at, settings_or_refuse
from cli.commands.bulk import make_bulk
from cli.commands.causes import show_causes
from cli.commands.compare import make_comparison
from cli.commands.doctor import examine
from cli.commands.inspect import inspect_certificates
from cli.commands.keys import keys
from cli.commands.login import login, logout
from cli.commands.products import show_products
from cli.commands.site import site
from cli.commands.sites import sites
from cli.commands.test import make_test
from cli.commands.token import tokens
from cli.service.descriptor_limit import raise_descriptor_limit
from cli.terminal.exit_status import refuse
from shared.queue.queued_job import INTERACTIVE, QueueName
from shared.site_name import DEFAULT_SITE
from shared.stop_signals import hold_stop_signals, stop_with_stdin

if TYPE_CHECKING:
    from shared.settings import Settings

# Else pydantic reads the metadata of all installed packages, to find plugins.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 -- Typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"conncheck {version('conncheck')}")
        raise typer.Exit


@app.callback()
def conncheck(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_say_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Test whether cloud platforms can be reached and signed in to, step by step."""


_TEST, _LOOK_UP, _SERVE = "Test platforms", "Look things up", "Run the service"
_SERVER = "Use a server"

app.command("test", rich_help_panel=_TEST)(make_test)
app.command("bulk", rich_help_panel=_TEST)(make_bulk)
app.command("compare", rich_help_panel=_TEST)(make_comparison)
app.command("causes", rich_help_panel=_LOOK_UP)(show_causes)
app.command("products", rich_help_panel=_LOOK_UP)(show_products)
app.command("inspect", rich_help_panel=_LOOK_UP)(inspect_certificates)
app.command("doctor", rich_help_panel=_LOOK_UP)(examine)
app.command("login", rich_help_panel=_SERVER)(login)
app.command("logout", rich_help_panel=_SERVER)(logout)
app.add_typer(keys, name="keys", rich_help_panel=_SERVE)
app.add_typer(sites, name="sites", rich_help_panel=_SERVE)
app.add_typer(site, name="site", rich_help_panel=_SERVE)
app.add_typer(tokens, name="token", rich_help_panel=_SERVE)

# `conncheck up` holds the other end, so that no part outlives it.
StopWithStdin = Annotated[bool, typer.Option("--stop-with-stdin", hidden=True)]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")]


def _redis_url(settings: "Settings") -> str:
    if settings.redis_url is None:
        refuse("set CONNCHECK_REDIS_URL, or use `conncheck up`, which starts its own Redis")
    return settings.redis_url.get_secret_value()


@app.command(rich_help_panel=_SERVE)
def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            help="Bearer token to accept. Default: CONNCHECK_TOKENS, else one that is kept."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Directory for jobs, the keys, the token and the log."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", metavar="", help="Show the log on a terminal too.")
    ] = False,
) -> None:
    """Run everything on this machine: API, workers and Redis."""
    hold_stop_signals()
    from cli.service.embedded_redis import NoRedisError
    from cli.service.kept_secrets import NotKeptError
    from cli.service.process_hardening import keep_memory_private
    from cli.service.up import CannotStartError, UpOptions, free_port, run_up

    keep_memory_private()
    try:
        options = UpOptions(host, port or free_port(host), token, data_dir, verbose)
        run_up(options, settings_or_refuse())
    except (CannotStartError, NoRedisError, NotKeptError) as error:
        refuse(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        refuse(f"can't start: {where}{error.strerror}")


@app.command(rich_help_panel=_SERVE)
def api(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    with_stdin: StopWithStdin = False,
) -> None:
    """Run only the API; it needs CONNCHECK_REDIS_URL."""
    hold_stop_signals()
    from api.app import serve

    settings = settings_or_refuse()
    url = _redis_url(settings)
    _begin_part(settings, with_stdin=with_stdin)
    try:
        serve(settings, url, host, port)
    except ValueError as error:
        refuse(str(error))


@app.command(rich_help_panel=_SERVE)
def worker(
    queue: Annotated[
        QueueName, typer.Option(help="`interactive` for single tests, `bulk` for bulk tests.")
    ] = INTERACTIVE,
    site: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Site to test from. Default: CONNCHECK_SITE."),
    ] = None,
    alive_file: Annotated[
        Path | None,
        typer.Option(help="File to touch every few seconds, for a probe that the process lives."),
    ] = None,
    with_stdin: StopWithStdin = False,
) -> None:
    """Run only one worker process, for one queue of a site; it needs CONNCHECK_REDIS_URL."""
    hold_stop_signals()
    from worker.consumer.main import serve

    settings = settings_at(site)
    url = _redis_url(settings)
    is_elsewhere = settings.site != DEFAULT_SITE
    if not settings.sealing_private_keys:
        printed, made = "`conncheck sites add` has printed it", "`conncheck keys` creates a pair"
        refuse(f"set CONNCHECK_SEALING_PRIVATE_KEYS; {printed if is_elsewhere else made}")
    if is_elsewhere and not settings.signing_public_keys:
        refuse(
            "set CONNCHECK_SIGNING_PUBLIC_KEYS to that of the API, as `conncheck sites add` has "
            "printed it: a site runs only jobs that the API has signed"
        )
    _touch_or_refuse(alive_file)
    _begin_part(settings, with_stdin=with_stdin)
    try:
        serve(settings, url, queue, alive_file)
    except ValueError as error:
        refuse(str(error))


def _touch_or_refuse(alive_file: Path | None) -> None:
    try:
        if alive_file:
            alive_file.touch()
    except OSError as error:
        refuse(f"{alive_file}: {error.strerror}")


def _begin_part(settings: "Settings", *, with_stdin: bool) -> None:
    """Prepare a process that runs a part of the service."""
    from cli.service.json_logs import log_as_json
    from cli.service.process_hardening import (
        keep_memory_private,
        log_what_ends_threads,
        share_memory_among_threads,
    )

    if with_stdin:
        stop_with_stdin()
    keep_memory_private()
    share_memory_among_threads()
    raise_descriptor_limit()
    log_as_json(settings.log_level)
    log_what_ends_threads()
    _warn_of_open_stores(settings)


def _warn_of_open_stores(settings: "Settings") -> None:
    """Log a warning for each Redis that accepts anyone who can reach it."""
    import logging

    from shared.store.connection import is_open_to_all

    for name, url in (("REDIS_URL", settings.redis_url), ("BROKER_URL", settings.broker_url)):
        if url and is_open_to_all(url.get_secret_value()):
            logging.getLogger(__name__).warning(
                "CONNCHECK_%s has no password: anyone who can reach that Redis can read every "
                "result and send jobs to the workers",
                name,
            )


class _SettingsCommand(TyperCommand):
    """Loads the settings' descriptions only for their help: no other command needs them."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write every setting with its description."""
        from shared.settings import setting_names

        lines = [f"{name}\n\n    {text}" for name, text in setting_names().items()]
        self.help = "\n\n".join([self.help or "", *lines])
        super().format_help(ctx, formatter)


@app.command(
    cls=_SettingsCommand,
    help="Show the settings, which are environment variables.",
    rich_help_panel=_SERVE,
)
def settings() -> None:
    """Show every setting with its current value; secrets stay hidden."""
    current = settings_or_refuse()
    for name in type(current).model_fields:
        value = getattr(current, name)
        shown = ",".join(str(part) for part in value) if isinstance(value, tuple) else value
        typer.echo(f"CONNCHECK_{name.upper()}={'' if shown is None else shown}")
