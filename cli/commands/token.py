"""The commands `conncheck token new`, `list` and `revoke`."""

import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from shared.policy.token_file import TokenEntry, TokenFile, TokenPolicy, changing, new_entry

TOKEN_BYTES = 32

tokens = typer.Typer(help="Make, list and revoke the tokens of a token file.", no_args_is_help=True)

File = Annotated[
    Path, typer.Option("--file", envvar="CONNCHECK_TOKENS_FILE", help="The token file.")
]
Name = Annotated[str, typer.Argument(help="What the token is called, e.g. ci.")]
Many = list[str] | None


@tokens.command()
def new(
    name: Name,
    file: File,
    tenant: Annotated[str | None, typer.Option(help="Whose jobs it sees; its own if none.")] = None,
    scope: Annotated[Many, typer.Option(help="test, bulk, read or admin; test and read.")] = None,
    network: Annotated[Many, typer.Option(help="CIDR that alone may be tested.")] = None,
    denied_network: Annotated[Many, typer.Option(help="CIDR that may not be tested.")] = None,
    domain: Annotated[Many, typer.Option(help="Domain that alone may be tested.")] = None,
    denied_domain: Annotated[Many, typer.Option(help="Domain that may not be tested.")] = None,
    port: Annotated[
        list[int] | None, typer.Option(help="Port that may be tested; else the products' own.")
    ] = None,
    any_port: Annotated[bool, typer.Option("--any-port", help="Have any port tested.")] = False,
    tests_per_minute: Annotated[int, typer.Option(min=1, help="Tests that may begin.")] = 600,
    targets_per_minute: Annotated[
        int, typer.Option(min=1, help="Different hosts and ports; more look like a scan.")
    ] = 600,
) -> None:
    """Make a token and print it; the file keeps only its SHA-256. Options may be repeated."""
    limits = {
        "networks": network or (),
        "denied_networks": denied_network or (),
        "domains": domain or (),
        "denied_domains": denied_domain or (),
        **({"ports": port or ()} if port or any_port else {}),
    }
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        entry = new_entry(
            name,
            sha256(token.encode()).hexdigest(),
            tenant=tenant,
            scopes=scope,
            policy=TokenPolicy.model_validate(limits),
            tests_per_minute=tests_per_minute,
            targets_per_minute=targets_per_minute,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        _fail(f"{first['input']!r}: {first['msg']}")
    _change(file, lambda kept: _with(kept, entry))
    typer.echo(token)


@tokens.command("list")
def list_tokens(file: File) -> None:
    """List the tokens with what they may do."""
    for entry in _read(file).tokens:
        typer.echo(_line(entry))


@tokens.command()
def revoke(name: Name, file: File) -> None:
    """Take a token out of the file; a running API refuses it from then on."""
    _change(file, lambda kept: _without(kept, name))


def _with(kept: TokenFile, entry: TokenEntry) -> TokenFile:
    if any(one.name == entry.name for one in kept.tokens):
        _fail(f"there is a token {entry.name} already; revoke it first")
    return kept.with_token(entry)


def _without(kept: TokenFile, name: str) -> TokenFile:
    if all(one.name != name for one in kept.tokens):
        _fail(f"there is no token {name}")
    return kept.without(name)


def _change(file: Path, change: Callable[[TokenFile], TokenFile]) -> None:
    """Put what `change` makes of the file into its place, one command at a time."""
    try:
        with changing(file):
            change(_read(file) if file.exists() else TokenFile()).write(file)
    except OSError as error:
        _fail(f"{file}: {error.strerror}")


def _line(entry: TokenEntry) -> str:
    limits = {
        "testsPerMinute": (entry.tests_per_minute or "any",),
        "targetsPerMinute": (entry.targets_per_minute or "any",),
        **entry.policy.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }
    shown = " ".join(f"{key}={','.join(map(str, value)) or 'any'}" for key, value in limits.items())
    tenant, scopes = entry.tenant or entry.name, ",".join(entry.scopes)
    made = f"{entry.created_at:%Y-%m-%d}" if entry.created_at else "-"
    return f"{entry.name} tenant={tenant} scopes={scopes} created={made} {shown}".rstrip()


def _read(file: Path) -> TokenFile:
    try:
        return TokenFile.read(file)
    except OSError as error:
        _fail(f"{file}: {error.strerror}")
    except ValueError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"conncheck: {message}", err=True)
    raise typer.Exit(2)
