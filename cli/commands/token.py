"""The commands `conncheck token new`, `list` and `revoke`."""

import os
import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from shared.site_name import DEFAULT_SITE

if TYPE_CHECKING:  # it brings all products along, for their ports; other commands need none of it
    from shared.policy.token_file import TokenEntry, TokenFile, TokenPolicy

TOKEN_BYTES = 32
ANY_SITE = "*"

tokens = typer.Typer(
    help="Create, list and revoke the tokens of a token file.", no_args_is_help=True
)

File = Annotated[
    Path, typer.Option("--file", envvar="CONNCHECK_TOKENS_FILE", help="The token file.")
]
Name = Annotated[str, typer.Argument(help="Name of the token, e.g. ci.")]
Many = list[str] | None


@tokens.command()
def new(
    name: Name,
    file: File,
    tenant: Annotated[
        str | None, typer.Option(help="Tenant whose jobs the token sees. Default: its name.")
    ] = None,
    scope: Annotated[
        Many, typer.Option(help="test, bulk, read or admin. Default: test and read.")
    ] = None,
    site: Annotated[
        Many, typer.Option(help="Site to test from, or * for all. Default: the site `default`.")
    ] = None,
    network: Annotated[Many, typer.Option(help="CIDR to allow; all others are refused.")] = None,
    denied_network: Annotated[Many, typer.Option(help="CIDR to refuse.")] = None,
    domain: Annotated[Many, typer.Option(help="Domain to allow; all others are refused.")] = None,
    denied_domain: Annotated[Many, typer.Option(help="Domain to refuse.")] = None,
    port: Annotated[
        list[int] | None, typer.Option(help="Port to allow. Default: the products' own ports.")
    ] = None,
    any_port: Annotated[bool, typer.Option("--any-port", help="Allow any port.")] = False,
    tests_per_minute: Annotated[int, typer.Option(min=1, help="Tests allowed per minute.")] = 600,
    targets_per_minute: Annotated[
        int,
        typer.Option(min=1, help="Different hosts and ports per minute; more look like a scan."),
    ] = 600,
) -> None:
    """Create a token and print it; the file keeps only its SHA-256. Options can be repeated."""
    from pydantic import ValidationError

    from shared.policy.token_file import TokenPolicy, new_entry

    limits = {
        "networks": network or (),
        "denied_networks": denied_network or (),
        "domains": domain or (),
        "denied_domains": denied_domain or (),
        **({"ports": port or ()} if port or any_port else {}),
    }
    _refuse_undeclared(site or ())
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        entry = new_entry(
            name,
            sha256(token.encode()).hexdigest(),
            tenant=tenant,
            scopes=scope,
            sites=site,
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
    """List the tokens with their scopes and limits."""
    for entry in _read(file).tokens:
        typer.echo(_line(entry))


@tokens.command()
def revoke(name: Name, file: File) -> None:
    """Remove a token from the file; a running API refuses it from then on."""
    _change(file, lambda kept: _without(kept, name))


def _refuse_undeclared(names: Sequence[str]) -> None:
    """End the command if CONNCHECK_SITES_FILE is set and does not declare one of the sites."""
    if not names or not (file := os.environ.get("CONNCHECK_SITES_FILE")):
        return
    from cli.sites.changing_sites import read_sites
    from shared.sites.sites_file import near_names

    declared = [one.name for one in read_sites(Path(file)).all_sites]
    for name in names:
        if name not in (ANY_SITE, *declared):
            near = " or ".join(near_names(name, declared))
            meant = f"; did you mean {near}?" if near else ""
            _fail(f"there is no site {name} in {file}{meant}")


def _with(kept: "TokenFile", entry: "TokenEntry") -> "TokenFile":
    if any(one.name == entry.name for one in kept.tokens):
        _fail(f"token {entry.name} already exists; revoke it first")
    return kept.with_token(entry)


def _without(kept: "TokenFile", name: str) -> "TokenFile":
    if all(one.name != name for one in kept.tokens):
        _fail(f"there is no token {name}")
    return kept.without(name)


def _change(file: Path, change: "Callable[[TokenFile], TokenFile]") -> None:
    """Replace the file by what `change` returns; concurrent commands wait."""
    from shared.json_file import changing
    from shared.policy.token_file import TokenFile

    try:
        with changing(file):
            change(_read(file) if file.exists() else TokenFile()).write(file)
    except OSError as error:
        _fail(f"{file}: {error.strerror}")


def _line(entry: "TokenEntry") -> str:
    limits = {
        "testsPerMinute": (entry.tests_per_minute or "any",),
        "targetsPerMinute": (entry.targets_per_minute or "any",),
        **_limits(entry.policy),
    }
    for site, policy in entry.site_policies.items():
        limits |= {f"{site}:{key}": value for key, value in _limits(policy).items()}
    shown = " ".join(f"{key}={','.join(map(str, value)) or 'any'}" for key, value in limits.items())
    tenant, scopes = entry.tenant or entry.name, ",".join(entry.scopes)
    sites = ",".join(entry.sites or (DEFAULT_SITE,))
    made = f"{entry.created_at:%Y-%m-%d}" if entry.created_at else "-"
    return f"{entry.name} tenant={tenant} scopes={scopes} sites={sites} created={made} {shown}"


def _limits(policy: "TokenPolicy") -> dict[str, tuple[object, ...]]:
    return policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _read(file: Path) -> "TokenFile":
    from shared.policy.token_file import TokenFile

    try:
        return TokenFile.read(file)
    except OSError as error:
        _fail(f"{file}: {error.strerror}")
    except ValueError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"conncheck: {message}", err=True)
    raise typer.Exit(2)
