"""The commands `conncheck keys` and `conncheck keys rotate`."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, NoReturn

import typer

from shared.sealing import new_key_pair, public_key_of
from shared.settings import PREFIX

PUBLIC, PRIVATE = f"{PREFIX}SEALING_PUBLIC_KEY", f"{PREFIX}SEALING_PRIVATE_KEYS"

keys = typer.Typer(
    help="Make the keys that seal credentials, and replace them.", invoke_without_command=True
)

EnvFile = Annotated[
    Path, typer.Option("--env-file", help="The workers' file of NAME=VALUE lines, or everybody's.")
]
ApiEnvFile = Annotated[
    Path | None, typer.Option("--api-env-file", help="The API's, where it has one of its own.")
]


@keys.callback()
def make(context: typer.Context) -> None:
    """Make a key pair to seal credentials with, as environment settings."""
    if context.invoked_subcommand is None:
        private, public = new_key_pair()
        typer.echo(f"{PUBLIC}={public}")
        typer.echo(f"{PRIVATE}={private}")


@keys.command()
def add(env_file: EnvFile) -> None:
    """First: give the workers a new key before the one in use; restart them, then `use`."""
    lines = _lines(env_file)
    private, _ = new_key_pair()
    kept = _private_keys(env_file, lines)
    _write(env_file, lines, {PRIVATE: ",".join([private, *kept])})
    typer.echo(f"restart all workers, then: conncheck keys use --env-file {env_file}")


@keys.command()
def use(env_file: EnvFile, api_env_file: ApiEnvFile = None) -> None:
    """Second: have the API seal for the newest key; restart it, wait, then `drop`."""
    newest = _private_keys(env_file, _lines(env_file))[0]
    api_file = api_env_file or env_file
    _write(api_file, _lines(api_file), {PUBLIC: public_key_of(newest)})
    typer.echo(
        "restart the API; when no job is left that it sealed before, after "
        f"{PREFIX}BATCH_DEADLINE_S at the latest: conncheck keys drop --env-file {env_file}"
    )


@keys.command()
def drop(env_file: EnvFile, api_env_file: ApiEnvFile = None) -> None:
    """Third: take all keys but the newest from the workers; restart them."""
    lines, api_file = _lines(env_file), api_env_file or env_file
    newest = _private_keys(env_file, lines)[0]
    if _value(_lines(api_file), PUBLIC) != public_key_of(newest):
        _fail(f"{api_file}: the API does not seal for the newest key yet; `use` it first")
    _write(env_file, lines, {PRIVATE: newest})
    typer.echo("restart all workers")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError as error:
        _fail(f"{path}: {error.strerror}")


def _value(lines: list[str], name: str) -> str:
    found = [line.partition("=")[2] for line in lines if line.partition("=")[0] == name]
    return found[-1].strip().strip("\"'") if found else ""


def _private_keys(path: Path, lines: list[str]) -> list[str]:
    """Return the private keys in the file, the newest first."""
    found = [key.strip() for key in _value(lines, PRIVATE).split(",") if key.strip()]
    try:
        for key in found:
            public_key_of(key)
    except ValueError:
        found = []
    if not found:
        _fail(f"{path}: {PRIVATE} is not there, or holds no keys; `conncheck keys` makes a pair")
    return found


def _write(path: Path, lines: list[str], changed: dict[str, str]) -> None:
    """Put the file with the changed values in the place of the old one, as a whole."""
    kept = [line for line in lines if line.partition("=")[0] not in changed]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in changed.items()), ""])
    try:
        with NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
            new.write(text)
            old = path.stat()
            os.fchmod(new.fileno(), old.st_mode & 0o777)
            os.fchown(new.fileno(), old.st_uid, old.st_gid)
        Path(new.name).replace(path)
    except OSError as error:
        _fail(f"{path}: {error.strerror}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"conncheck: {message}", err=True)
    raise typer.Exit(2)
