"""The command `conncheck`."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from cli.keys import keys
from cli.token import tokens
from shared.queued_job import INTERACTIVE, QueueName
from shared.settings import Settings, setting_names

app = typer.Typer(
    help="Test whether cloud platforms can be reached and signed in to, step by step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show locals
    add_completion=False,
)

app.add_typer(keys, name="keys")
app.add_typer(tokens, name="token")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def _fail(message: str) -> NoReturn:
    typer.echo(f"conncheck: {message}", err=True)
    raise typer.Exit(2)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        # Pydantic's text would show the value, which may be a secret.
        first = error.errors(include_input=False, include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        _fail(f"CONNCHECK_{str(first['loc'][0]).upper()}: {reason}")


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        _fail("set CONNCHECK_REDIS_URL, or use `conncheck up`, which brings its own Redis")
    return settings.redis_url.get_secret_value()


@app.command()
def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Annotated[
        str | None, typer.Option(help="Bearer token to accept; one is made if none is set.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where jobs and the sealing key are kept.")
    ] = None,
) -> None:
    """Run everything on this machine: API, worker and Redis."""
    from cli.embedded_redis import NoRedisError
    from cli.up import CannotStartError, UpOptions, free_port, run_up
    from shared.hygiene import keep_memory_private

    keep_memory_private()
    try:
        run_up(UpOptions(host, port or free_port(host), token, data_dir), _settings())
    except (CannotStartError, NoRedisError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"can't start: {error.strerror}")


@app.command()
def api(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API alone, with CONNCHECK_REDIS_URL."""
    from api.app import serve

    settings = _settings()
    url = _redis_url(settings)
    _begin_part(settings)
    try:
        serve(settings, url, host, port)
    except ValueError as error:
        _fail(str(error))


@app.command()
def worker(
    queue: Annotated[
        QueueName, typer.Option(help="`interactive` for single tests, `bulk` for batches.")
    ] = INTERACTIVE,
) -> None:
    """Run one worker process alone, for one queue, with CONNCHECK_REDIS_URL."""
    from worker.main import serve

    settings = _settings()
    url = _redis_url(settings)
    if not settings.sealing_private_keys:
        _fail("set CONNCHECK_SEALING_PRIVATE_KEYS; `conncheck keys` makes a pair")
    _begin_part(settings)
    try:
        serve(settings, url, queue)
    except ValueError as error:
        _fail(str(error))


def _begin_part(settings: Settings) -> None:
    """Do what comes first in a process that serves."""
    from shared.hygiene import keep_memory_private, log_what_ends_threads
    from shared.logs import log_as_json

    keep_memory_private()
    _raise_descriptor_limit()
    log_as_json(settings.log_level)
    log_what_ends_threads()
    _warn_of_open_stores(settings)


def _warn_of_open_stores(settings: Settings) -> None:
    """Say where whoever reaches a Redis may read all results, and hand jobs to the workers."""
    import logging

    from shared.redis_connection import is_open_to_all

    for name, url in (("REDIS_URL", settings.redis_url), ("BROKER_URL", settings.broker_url)):
        if url and is_open_to_all(url.get_secret_value()):
            logging.getLogger(__name__).warning(
                "CONNCHECK_%s has no password: whoever reaches that Redis reads every result and "
                "can give jobs to the workers",
                name,
            )


def _raise_descriptor_limit() -> None:
    """Take as many file descriptors as the system allows: a stream or a test needs one each."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _settings_help() -> str:
    """Return every setting with what it is for."""
    lines = [f"{name}\n\n    {text}" for name, text in setting_names().items()]
    return "Show the settings, which are environment variables.\n\n" + "\n\n".join(lines)


@app.command(help=_settings_help())
def settings() -> None:
    """Show every setting with its present value; secrets stay hidden."""
    current = _settings()
    for name in type(current).model_fields:
        value = getattr(current, name)
        shown = ",".join(str(part) for part in value) if isinstance(value, tuple) else value
        typer.echo(f"CONNCHECK_{name.upper()}={'' if shown is None else shown}")
