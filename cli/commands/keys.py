"""The command `conncheck keys`, and its commands `add`, `use` and `drop`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cli.env_file import EnvFile
from cli.terminal.exit_status import refuse

PUBLIC, PRIVATE = "CONNCHECK_SEALING_PUBLIC_KEY", "CONNCHECK_SEALING_PRIVATE_KEYS"
SIGN, VERIFY = "CONNCHECK_SIGNING_PRIVATE_KEYS", "CONNCHECK_SIGNING_PUBLIC_KEYS"

keys = typer.Typer(
    help="Create or replace the keys that seal credentials and sign jobs.",
    invoke_without_command=True,
)

WorkersFile = Annotated[
    Path,
    typer.Option("--env-file", help="File of NAME=VALUE lines, of the workers or of all parts."),
]
ApiFile = Annotated[
    Path | None, typer.Option("--api-env-file", help="The API's file, if it has its own.")
]


@keys.callback()
def make(context: typer.Context) -> None:
    """Create the keys that seal credentials and sign jobs, and print them as settings."""
    if context.invoked_subcommand is None:
        private, public = _new_key_pair()
        signing, verifying = _new_signing_pair()
        for name, key in ((PUBLIC, public), (PRIVATE, private), (SIGN, signing)):
            typer.echo(f"{name}={key}")
        typer.echo(f"{VERIFY}={verifying}")


@keys.command()
def add(env_file: WorkersFile, api_env_file: ApiFile = None) -> None:
    """Step 1: add new keys to the workers' keys. Then restart them and run `use`.

    Signing keys are only added where jobs are signed already.
    """
    workers, api = EnvFile.at(env_file), EnvFile.at(api_env_file or env_file)
    new = {PRIVATE: ",".join([_new_key_pair()[0], *_sealing_keys(workers)])}
    known, signing = workers.values(VERIFY), _signing_keys(api)
    if known and not signing:
        refuse(f"{api.path}: {SIGN} is missing; name the API's file as --api-env-file")
    if known:
        own, public = _new_signing_pair()
        new[VERIFY] = ",".join([public, *known])
        _write(workers, new, api, {SIGN: ",".join([*signing, own])})  # it signs with the first
    else:
        workers.write(new)
    typer.echo(f"Restart all workers, then run: conncheck keys use --env-file {env_file}")


@keys.command()
def use(env_file: WorkersFile, api_env_file: ApiFile = None) -> None:
    """Step 2: let the API use the newest keys. Then restart it, wait, and run `drop`.

    An API that did not sign jobs does so from now on.
    """
    workers, api = EnvFile.at(env_file), EnvFile.at(api_env_file or env_file)
    known, signing = workers.values(VERIFY), _signing_keys(api)
    newest = [key for key in signing if known and _verification_key_of(key) == known[0]]
    if known and not newest:
        refuse(f"{api.path}: {SIGN} has no key that belongs to the first of {VERIFY}")
    if not signing:
        newest = [_new_signing_pair()[0]]
    own = [*newest, *(key for key in signing if key not in newest)]
    api.write({PUBLIC: _public_key_of(_sealing_keys(workers)[0]), SIGN: ",".join(own)})
    typer.echo(
        "Restart the API. When no job is left that was sealed before, at the latest after "
        f"CONNCHECK_BATCH_DEADLINE_S, run: conncheck keys drop --env-file {env_file}"
    )


@keys.command()
def drop(env_file: WorkersFile, api_env_file: ApiFile = None) -> None:
    """Step 3: remove all keys but the newest. Then restart all parts.

    Workers run only signed jobs from now on.
    """
    workers, api = EnvFile.at(env_file), EnvFile.at(api_env_file or env_file)
    newest, signing = _sealing_keys(workers)[0], _signing_keys(api)
    if api.value(PUBLIC) != _public_key_of(newest):
        refuse(f"{api.path}: the API does not seal for the newest key yet; run `use` first")
    if not signing:
        refuse(f"{api.path}: the API does not sign jobs yet; run `use` first")
    changed = {PRIVATE: newest, VERIFY: _verification_key_of(signing[0])}
    _write(workers, changed, api, {SIGN: signing[0]})
    typer.echo("Restart all workers and the API.")


def _write(workers: EnvFile, changed: dict[str, str], api: EnvFile, of_api: dict[str, str]) -> None:
    """Write both files, which may be one."""
    if workers.path == api.path:
        workers.write({**changed, **of_api})
        return
    workers.write(changed)
    api.write(of_api)


# All here, so that the other commands do not wait for what they never use: cryptography.
def _new_key_pair() -> tuple[str, str]:
    from shared.sealing import new_key_pair

    return new_key_pair()


def _public_key_of(private_key: str) -> str:
    from shared.sealing import public_key_of

    return public_key_of(private_key)


def _new_signing_pair() -> tuple[str, str]:
    from shared.signing import new_signing_pair

    return new_signing_pair()


def _verification_key_of(private_key: str) -> str:
    from shared.signing import verification_key_of

    return verification_key_of(private_key)


def _sealing_keys(file: EnvFile) -> tuple[str, ...]:
    """Return the workers' private keys, the newest first; refuse a file that has none."""
    found = file.values(PRIVATE)
    if not found or not _are_keys(found, _public_key_of):
        refuse(f"{file.path}: {PRIVATE} is missing or has no keys; `conncheck keys` creates a pair")
    return found


def _signing_keys(file: EnvFile) -> tuple[str, ...]:
    """Return the API's private keys, none if it signs nothing; refuse what are no keys."""
    found = file.values(SIGN)
    if not _are_keys(found, _verification_key_of):
        refuse(f"{file.path}: {SIGN} has no valid keys; `conncheck keys` creates a pair")
    return found


def _are_keys(found: tuple[str, ...], checked: Callable[[str], str]) -> bool:
    try:
        for key in found:
            checked(key)
    except ValueError:
        return False
    return True
