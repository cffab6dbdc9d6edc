"""The sites that are declared now: the file is read again when it changes."""

from collections.abc import Sequence
from pathlib import Path

from shared.diagnosis.outcomes import Facts
from shared.endpoint import Endpoint
from shared.site_name import DEFAULT_SITE
from shared.sites.site_entry import SiteEntry
from shared.sites.site_rules import NO_RULES, SiteRules
from shared.sites.sites_file import SitesFile
from shared.watched_file import WatchedFile

_NO_FILE = SitesFile()


class WatchedSites:
    """The declared sites, and the rules that choose one; without a file, `default` alone.

    A file that lacks a site which a rule names is treated like one that can't be read: at the
    start it is refused, later the last content stays in use. Else the endpoints of that rule would
    be tested from a site that the operator did not mean.
    """

    def __init__(self, path: Path | None = None, rules: SiteRules = NO_RULES) -> None:
        """Read the file, if there is one.

        Raises:
            OSError: it cannot be read.
            ValueError: its content is not valid, or a rule names a site that it does not declare.
        """
        self._rules = rules
        self._file = WatchedFile("sites", path, self._read) if path else None
        if not path:
            _refuse_undeclared(rules, SitesFile(), "CONNCHECK_SITES_FILE is not set")

    def sites(self) -> Sequence[SiteEntry]:
        """Return all sites, in the order in which they are shown."""
        return self._now().all_sites

    def names(self) -> Sequence[str]:
        """Return the names of all sites, in the same order."""
        return [one.name for one in self.sites()]

    def site(self, name: str) -> SiteEntry | None:
        """Return the site `name`; None if it is not declared."""
        return self._now().site(name)

    def facts_of(self, name: str) -> Facts:
        """Return what the words of a report use of a site: its name and its public addresses.

        Of a site that nobody sees from outside by an address of its own there is nothing to say.
        """
        entry = self.site(name)
        return {"site": name, "site_egress": entry.egress_texts} if entry and entry.egress else {}

    def site_for(self, endpoint: Endpoint) -> SiteEntry:
        """Return the site whose rule matches `endpoint`, else `default`."""
        now = self._now()
        return now.site(self._rules.site_for(endpoint) or DEFAULT_SITE) or now.all_sites[0]

    def sealing_key(self, name: str) -> str | None:
        """Return the public key that the site's workers open requests with, if it is declared."""
        found = self.site(name)
        return found.sealing_public_key if found else None

    def _now(self) -> SitesFile:
        return self._file.content() if self._file else _NO_FILE

    def _read(self, path: Path) -> SitesFile:
        found = SitesFile.read(path)
        _refuse_undeclared(self._rules, found, f"{path} does not declare it")
        return found


def _refuse_undeclared(rules: SiteRules, file: SitesFile, why: str) -> None:
    if undeclared := sorted(rules.sites - {one.name for one in file.all_sites}):
        raise ValueError(f"CONNCHECK_SITE_RULES names the site {undeclared[0]}, but {why}")
