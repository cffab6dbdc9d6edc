"""The commands `conncheck sites add`, `list`, `acl` and `remove`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import language_of
from cli.commands.options import Server, ServerCaFile, TokenFile
from cli.commands.site_keys import site_keys
from cli.sites.changing_sites import change_sites, entry_of, read_sites, site_in
from cli.terminal.exit_status import refuse
from shared.site_name import DEFAULT_SITE

if TYPE_CHECKING:
    from shared.sites.site_entry import SiteEntry

sites = typer.Typer(
    help="Declare the sites that tests can run at, and print what each of them needs.",
    no_args_is_help=True,
)
sites.add_typer(site_keys, name="keys")

File = Annotated[
    Path, typer.Option("--file", envvar="CONNCHECK_SITES_FILE", help="The file of sites.")
]
Name = Annotated[str, typer.Argument(help="Name of the site, e.g. fra1.")]
Many = list[str] | None


@sites.command()
def add(
    name: Name,
    file: File,
    title: Annotated[str | None, typer.Option(help="What people call the site.")] = None,
    egress: Annotated[
        Many,
        typer.Option(help="Address or CIDR that platforms see tests come from. Can be repeated."),
    ] = None,
    label: Annotated[
        Many, typer.Option(metavar="NAME=VALUE", help="Label of the site. Can be repeated.")
    ] = None,
    silence_s: Annotated[
        float | None,
        typer.Option(help="Seconds of silence after which a worker is given up. Default: 30."),
    ] = None,
    redis_url: Annotated[
        str,
        typer.Option(
            help="URL of Redis as the site reaches it, without user and password, "
            "e.g. rediss://redis.example.com:6379/0."
        ),
    ] = "",
    public_key: Annotated[
        str | None,
        typer.Option(help="Public key of a pair that `conncheck keys` has made at the site."),
    ] = None,
) -> None:
    """Declare a site and print what goes where: Redis' rule, the workers' settings, their start.

    The output has secrets, which are kept nowhere else. An API with CONNCHECK_SITES_FILE knows the
    site at once.
    """
    _refuse_url(redis_url)
    private_key, public_key = ("", public_key) if public_key else _new_key_pair(name)
    entry = entry_of(
        name=name,
        title=title,
        sealing_public_key=public_key,
        egress=egress,
        labels=dict(map(_label, label)) if label else None,
        silence_s=silence_s,
    )
    change_sites(file, lambda kept: kept.with_site(_unlisted(entry, [s.name for s in kept.sites])))
    if name == DEFAULT_SITE:
        typer.echo(f"Site {name} is declared in {file}. Its workers go on as they are.")
    else:
        typer.echo(_handover(name, file, private_key or "", redis_url))


@sites.command("list")
def list_sites(
    file: Annotated[
        Path | None,
        typer.Option("--file", envvar="CONNCHECK_SITES_FILE", help="The file of sites."),
    ] = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
) -> None:
    """List the sites: what a file declares of them, or with --server how they are now."""
    if server:
        _list_served(server, token_file, server_ca_file)
    elif file:
        for entry in read_sites(file).all_sites:
            typer.echo(_line(entry))
    else:
        refuse("give --file or CONNCHECK_SITES_FILE, or --server for the sites of a service")


def _list_served(url: str, token_file: Path | None, ca_file: Path | None) -> None:
    from cli.service_access import WhereOptions
    from cli.single.service_errors import service_errors_refused
    from cli.sites.served_sites import site_lines

    chosen = WhereOptions(url, token_file, ca_file).chosen().server
    if chosen is None:
        refuse("--server is empty")
    with service_errors_refused(chosen), chosen.client(language_of(None)) as client:
        for site in client.sites():
            for line in site_lines(site):
                typer.echo(line)


@sites.command()
def acl(
    name: Name,
    file: File,
    new_password: Annotated[
        bool, typer.Option("--new-password", metavar="", help="Print a new password as well.")
    ] = False,
) -> None:
    """Print the rule that confines a site's workers to their part of Redis.

    Without --new-password the user keeps its passwords, so the rule can be renewed after an
    upgrade.
    """
    if name == DEFAULT_SITE:
        refuse("the workers of default have no user of their own: they share Redis with the API")
    from cli.sites.redis_user import set_user

    site = site_in(read_sites(file), name).name
    typer.echo(_new_password(site) if new_password else set_user(site))


@sites.command()
def remove(name: Name, file: File) -> None:
    """Remove a site from the file; a running API refuses tests there from then on."""
    from cli.sites.redis_user import user_name
    from shared.sites.site_rules import SiteRules

    site_in(read_sites(file), name)
    if name in SiteRules.parse(os.environ.get("CONNCHECK_SITE_RULES", "")).sites:
        refuse(f"CONNCHECK_SITE_RULES names {name}: without the site, the API would not start")
    change_sites(file, lambda kept: kept.without(site_in(kept, name).name))
    if name != DEFAULT_SITE:
        typer.echo(
            f"Stop the workers of {name}. Then, in Redis: ACL DELUSER {user_name(name)}\n"
            "Tests that wait there end as expired."
        )


def _unlisted(entry: "SiteEntry", names: list[str]) -> "SiteEntry":
    if entry.name in names:
        refuse(f"site {entry.name} already exists; edit its entry, or see `conncheck sites keys`")
    return entry


def _handover(name: str, file: Path, private_key: str, redis_url: str) -> str:
    from cli.sites.handover import Handover
    from cli.sites.redis_user import RedisUser

    user = RedisUser.of(name)
    return str(Handover(user, file, private_key, _signing_public_keys(), redis_url))


def _new_password(site: str) -> str:
    from cli.sites.redis_user import RedisUser, set_user

    user = RedisUser.of(site)
    return (
        f"# 1. IN REDIS, add the password; the one of before stays valid:\n"
        f"{set_user(site, user.hashed_password)}\n\n"
        f"# 2. AT {site}, put it into the URL and restart the workers:\n"
        f"CONNCHECK_REDIS_URL={user.url('rediss://...')}\n\n"
        f"# 3. IN REDIS, once they are alive, remove the others:\n"
        f"ACL SETUSER {user.name} resetpass {user.hashed_password}"
    )


def _signing_public_keys() -> str:
    """Return the public keys to the API's signing keys, if the environment has those."""
    from shared.signing import verification_key_of

    given = os.environ.get("CONNCHECK_SIGNING_PRIVATE_KEYS", "").split(",")
    try:
        return ",".join(verification_key_of(key.strip()) for key in given if key.strip())
    except ValueError as error:
        refuse(f"CONNCHECK_SIGNING_PRIVATE_KEYS: {error}")


def _new_key_pair(name: str) -> tuple[str, str | None]:
    from shared.sealing import new_key_pair  # it takes 40 ms to load

    return ("", None) if name == DEFAULT_SITE else new_key_pair()


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        refuse(f"--label: {text} is not NAME=VALUE")
    return name.strip(), value.strip()


def _refuse_url(url: str) -> None:
    from shared.settings import without_password
    from shared.store.connection import is_redis_url

    if not url:
        return
    if "@" in url or not url.startswith(("redis", "unix:")) or not is_redis_url(url):
        refuse(
            f"--redis-url: {without_password(url)} must be like rediss://redis.example.com:6379/0, "
            "without user and password, which are made for the site"
        )


def _line(entry: "SiteEntry") -> str:
    from cli.sites.served_sites import quoted

    parts = {
        "title": entry.title,
        "egress": ",".join(entry.egress_texts),
        "silence": f"{entry.silent_after_s:g}s",
        "key": entry.sealing_public_key or "",
        "nextKey": entry.next_sealing_public_key or "",
        **{f"label.{name}": value for name, value in entry.labels.items()},
    }
    shown = (f"{name}={quoted(value)}" for name, value in parts.items() if value)
    return " ".join([entry.name, *shown])
