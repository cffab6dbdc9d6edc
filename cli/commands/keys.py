"""The command `conncheck keys`, and its commands `add`, `use` and `drop`."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, NoReturn

import typer

PUBLIC, PRIVATE = "CONNCHECK_SEALING_PUBLIC_KEY", "CONNCHECK_SEALING_PRIVATE_KEYS"

keys = typer.Typer(
    help="Create or replace the keys that seal credentials.", invoke_without_command=True
)

EnvFile = Annotated[
    Path,
    typer.Option("--env-file", help="File of NAME=VALUE lines, of the workers or of all parts."),
]
ApiEnvFile = Annotated[
    Path | None, typer.Option("--api-env-file", help="The API's file, if it has its own.")
]


@keys.callback()
def make(context: typer.Context) -> None:
    """Create a key pair that seals credentials, and print it as environment settings."""
    if context.invoked_subcommand is None:
        private, public = _new_key_pair()
        typer.echo(f"{PUBLIC}={public}")
        typer.echo(f"{PRIVATE}={private}")


@keys.command()
def add(env_file: EnvFile) -> None:
    """Step 1: add a new key to the workers' keys. Then restart them and run `use`."""
    lines = _lines(env_file)
    private, _ = _new_key_pair()
    kept = _private_keys(env_file, lines)
    _write(env_file, lines, {PRIVATE: ",".join([private, *kept])})
    typer.echo(f"Restart all workers, then run: conncheck keys use --env-file {env_file}")


@keys.command()
def use(env_file: EnvFile, api_env_file: ApiEnvFile = None) -> None:
    """Step 2: let the API seal for the newest key. Then restart it, wait, and run `drop`."""
    newest = _private_keys(env_file, _lines(env_file))[0]
    api_file = api_env_file or env_file
    _write(api_file, _lines(api_file), {PUBLIC: _public_key_of(newest)})
    typer.echo(
        "Restart the API. When no job is left that was sealed before, at the latest after "
        f"CONNCHECK_BATCH_DEADLINE_S, run: conncheck keys drop --env-file {env_file}"
    )


@keys.command()
def drop(env_file: EnvFile, api_env_file: ApiEnvFile = None) -> None:
    """Step 3: remove all keys but the newest from the workers. Then restart them."""
    lines, api_file = _lines(env_file), api_env_file or env_file
    newest = _private_keys(env_file, lines)[0]
    if _value(_lines(api_file), PUBLIC) != _public_key_of(newest):
        _fail(f"{api_file}: the API does not seal for the newest key yet; run `use` first")
    _write(env_file, lines, {PRIVATE: newest})
    typer.echo("Restart all workers.")


# Both here, so that the other commands do not wait for what they never use: cryptography.
def _new_key_pair() -> tuple[str, str]:
    from shared.sealing import new_key_pair

    return new_key_pair()


def _public_key_of(private_key: str) -> str:
    from shared.sealing import public_key_of

    return public_key_of(private_key)


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
            _public_key_of(key)
    except ValueError:
        found = []
    if not found:
        _fail(f"{path}: {PRIVATE} is missing or has no keys; `conncheck keys` creates a pair")
    return found


def _write(path: Path, lines: list[str], changed: dict[str, str]) -> None:
    """Replace the file atomically by one with the changed values."""
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
