"""The file that declares the sites."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self

from pydantic import model_validator

from shared.json_file import JsonFile
from shared.site_name import DEFAULT_SITE
from shared.sites.site_entry import DEFAULT_ENTRY, SiteEntry

_LONGEST_TYPED = 40
"""Characters of a mistyped name that are compared."""


class SitesFile(JsonFile):
    """All declared sites; each name and each key occurs only once."""

    sites: tuple[SiteEntry, ...] = ()

    @model_validator(mode="after")
    def _refuse_doubles(self) -> Self:
        names = [one.name for one in self.sites]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sites have the name {twice}")
        keys = [
            key
            for one in self.sites
            for key in (one.sealing_public_key, one.next_sealing_public_key)
            if key
        ]
        if len(set(keys)) < len(keys):
            raise ValueError("two sites have the same sealingPublicKey: each must open its own")
        return self

    @property
    def all_sites(self) -> tuple[SiteEntry, ...]:
        """The sites in the order of the file; `default` is the first if it is not in the file."""
        is_listed = any(one.name == DEFAULT_SITE for one in self.sites)
        return self.sites if is_listed else (DEFAULT_ENTRY, *self.sites)

    def site(self, name: str) -> SiteEntry | None:
        """Return the site `name`; None if it is not declared."""
        return next((one for one in self.all_sites if one.name == name), None)

    def with_site(self, entry: SiteEntry) -> "SitesFile":
        """Return the file with `entry`, in the place of one with the same name, else at the end."""
        if any(one.name == entry.name for one in self.sites):
            sites = [entry if one.name == entry.name else one for one in self.sites]
            return SitesFile(sites=tuple(sites))
        return SitesFile(sites=(*self.sites, entry))

    def without(self, name: str) -> "SitesFile":
        """Return the file without the site `name`."""
        return SitesFile(sites=tuple(one for one in self.sites if one.name != name))


def near_names(typed: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return at most three of `names` that `typed` may be a slip of, the most similar first."""
    return tuple(get_close_matches(typed[:_LONGEST_TYPED].lower(), list(names), n=3))
