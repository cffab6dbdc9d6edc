"""Read and change the sites file for a command, which ends with one sentence where it can't."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.terminal.exit_status import refuse

if TYPE_CHECKING:  # pydantic; --help needs none of it
    from shared.sites.site_entry import SiteEntry
    from shared.sites.sites_file import SitesFile


def read_sites(file: Path) -> "SitesFile":
    """Return the content of the file."""
    from shared.sites.sites_file import SitesFile

    try:
        return SitesFile.read(file)
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except ValueError as error:
        refuse(str(error))


def change_sites(file: Path, change: "Callable[[SitesFile], SitesFile]") -> None:
    """Replace the file by what `change` returns; concurrent commands wait."""
    from pydantic import ValidationError

    from shared.json_file import changing
    from shared.sites.sites_file import SitesFile

    try:
        with changing(file):
            change(read_sites(file) if file.exists() else SitesFile()).write(file)
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except ValidationError as error:
        refuse(error.errors(include_input=False)[0]["msg"].removeprefix("Value error, "))


def site_in(kept: "SitesFile", name: str) -> "SiteEntry":
    """Return the site `name`, which the file has to list."""
    from shared.sites.sites_file import near_names

    names = [one.name for one in kept.sites]
    if name not in names:
        near = " or ".join(near_names(name, names))
        refuse(f"there is no site {name} in the file{f'; did you mean {near}?' if near else ''}")
    return kept.sites[names.index(name)]


def entry_of(**content: object) -> "SiteEntry":
    """Return an entry with those parts that are not None; end the command if one is not valid."""
    from pydantic import ValidationError
    from pydantic.alias_generators import to_camel

    from shared.sites.site_entry import SiteEntry

    try:
        return SiteEntry.model_validate({k: v for k, v in content.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["loc"] == ("name",):
            refuse(f"{content['name']} is not the name of a site: a-z, 0-9 and hyphens, 32 at most")
        place = "".join(f"{to_camel(str(part))}: " for part in first["loc"])
        refuse(f"{place}{first['msg'].removeprefix('Value error, ')}")
