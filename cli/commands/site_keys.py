"""The commands `conncheck sites keys add` and `use`, which replace the key of one site."""

from pathlib import Path
from typing import Annotated

import typer

from cli.sites.changing_sites import change_sites, entry_of, read_sites, site_in
from cli.terminal.exit_status import refuse
from shared.site_name import DEFAULT_SITE

PRIVATE = "CONNCHECK_SEALING_PRIVATE_KEYS"

site_keys = typer.Typer(
    help="Replace the key that requests for one site are sealed with.", no_args_is_help=True
)

File = Annotated[
    Path, typer.Option("--file", envvar="CONNCHECK_SITES_FILE", help="The file of sites.")
]
Name = Annotated[str, typer.Argument(help="Name of the site, e.g. fra1.")]


@site_keys.command()
def add(
    name: Name,
    file: File,
    public_key: Annotated[
        str | None,
        typer.Option(help="Public key of a pair that `conncheck keys` has made at the site."),
    ] = None,
) -> None:
    """Step 1: make a new key for the site's workers. Then give it to them and run `use`."""
    from shared.sealing import new_key_pair

    _refuse_default(name)
    private_key, new = ("", public_key) if public_key else new_key_pair()
    replaced = site_in(read_sites(file), name).next_sealing_public_key
    change_sites(
        file,
        lambda kept: kept.with_site(
            entry_of(**dict(site_in(kept, name)) | {"next_sealing_public_key": new})
        ),
    )
    if replaced and replaced != new:
        typer.echo(f"# This replaces the new key {replaced}, which is not used.\n")
    typer.echo(
        f"# AT {name}, put the new key before those of before, and restart the workers:\n"
        f"{PRIVATE}={private_key or 'THE_NEW_PRIVATE_KEY'},THE_VALUE_OF_BEFORE\n\n"
        "# Then, once all of them have it (`conncheck site check` there says so), here:\n"
        f"conncheck sites keys use {name} --file {file}"
    )


@site_keys.command()
def use(name: Name, file: File) -> None:
    """Step 2: let the API seal for the new key, at once. Then wait, and drop the old one.

    The site's workers must have the new key before, and have been restarted with it: without it
    each test there fails as self.cannot_open.
    """
    _refuse_default(name)
    change_sites(
        file,
        lambda kept: kept.with_site(
            entry_of(
                **dict(site_in(kept, name))
                | {
                    "sealing_public_key": site_in(kept, name).next_sealing_public_key
                    or refuse(f"site {name} has no new key; run `conncheck sites keys add {name}`"),
                    "next_sealing_public_key": None,
                }
            )
        ),
    )
    typer.echo(
        f"# Requests for {name} are sealed for the new key now. Its workers must have it already:\n"
        "# without it each test there fails as self.cannot_open. `conncheck site check` tells.\n\n"
        "# When no job is left that was sealed before, at the latest after\n"
        f"# CONNCHECK_BATCH_DEADLINE_S: AT {name}, keep only the first key of\n"
        f"# {PRIVATE}, and restart the workers."
    )


def _refuse_default(name: str) -> None:
    if name == DEFAULT_SITE:
        refuse("the keys of default are replaced by `conncheck keys`")
