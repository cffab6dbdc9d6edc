"""Write the pages that follow from the code; with --check, name what is out of date.

With --check the models of the Python client are held against the API, too.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import groupby, pairwise
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import shared
import worker
from shared.diagnosis.catalogue import CATALOGUE_FILE, catalogue_text
from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import in_plural
from shared.settings import Settings, setting_names
from tools.attack_table import with_table
from tools.cli_page import cli_page
from tools.client_models import differences
from tools.openapi_document import openapi_document
from tools.product_pages import product_pages
from tools.unobservable import UNOBSERVABLE

ROOT = Path(__file__).resolve().parent.parent
_WRITTEN_BY = "<!-- Written by tools/generate.py; do not edit. -->\n\n"
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}


class AmbiguousCauseError(Exception):
    """Raised where two causes have one code, which a reader could not tell apart."""


class ObservedCauseError(Exception):
    """Raised where tools/unobservable.py names a cause that some module declares."""


def main() -> int:
    """Write what has changed and return 0; with --check, write nothing and return 1 if any has."""
    outdated = [path for path, text in _pages() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in outdated:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`")
        differing = [*differences(openapi_document())]
        for difference in differing:
            print(f"client/conncheck_client: {difference}")
        return 1 if outdated or differing else 0
    for path, text in _pages():
        path.write_text(text)
    return 0


def _pages() -> Iterator[tuple[Path, str]]:
    causes = declared_causes()
    yield ROOT / "docs" / "causes.md", _causes_page(causes)
    yield (
        ROOT / "shared" / "diagnosis" / CATALOGUE_FILE,
        catalogue_text({one.code: one for one in causes}),
    )
    changes = _changes((ROOT / "CHANGELOG.md").read_text())
    yield ROOT / "api" / "page" / "changes.json", json.dumps(changes, indent=1) + "\n"
    yield ROOT / "docs" / "settings.md", _settings_page()
    yield ROOT / "docs" / "cli.md", _WRITTEN_BY + cli_page()
    yield ROOT / "docs" / "openapi.json", json.dumps(openapi_document(), indent=1) + "\n"
    yield from product_pages(ROOT / "docs" / "products")
    security = ROOT / "docs" / "security.md"
    yield security, with_table(security.read_text())


def declared_causes() -> list[Cause]:
    """Return every cause that a module of `worker` or `shared` declares, by code.

    Raises:
        AmbiguousCauseError: two of them have the same code.
    """
    found = {id(v): v for m in _modules() for v in vars(m).values() if isinstance(v, Cause)}
    causes = sorted(found.values(), key=lambda cause: cause.code)
    for one, other in pairwise(causes):
        if one.code == other.code:
            raise AmbiguousCauseError(f"two causes have the code {one.code}")
    return causes


def _modules() -> Iterator[ModuleType]:
    for package in (shared, worker):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            yield import_module(module.name)


def _causes_page(causes: list[Cause]) -> str:
    lines = [
        "# Causes\n",
        f"The {len(causes)} causes of a failed step or a warning: who can fix it (owner), the "
        "request field that it\nis about, the summary and the remedies. Names in braces are filled "
        "in for each job;\na part in brackets is told if it is known, and of several between bars "
        "the first that is.\n",
    ]
    for family, members in groupby(causes, lambda cause: cause.code.partition(".")[0]):
        header = ("Code", "Owner", "Severity", "Field", "Summary", "Remedies")
        lines += [f"## {family}\n", _table(header, [_cause_row(cause) for cause in members])]
    lines += ["## What can't be detected\n", _unobservable_table({cause.code for cause in causes})]
    return _WRITTEN_BY + "\n".join(lines).rstrip("\n") + "\n"


def _cause_row(cause: Cause) -> tuple[str, ...]:
    field = f"`{cause.field}`" if cause.field else ""
    remedies = "<br>".join(map(in_plural, cause.remedies))
    return f"`{cause.code}`", cause.owner, cause.severity, field, in_plural(cause.summary), remedies


def _unobservable_table(observed: set[str]) -> str:
    """Return what no cause says, with the reason.

    Raises:
        ObservedCauseError: one of them is a cause all the same.
    """
    if both := observed & UNOBSERVABLE.keys():
        raise ObservedCauseError(f"{', '.join(sorted(both))}: a cause, and said not to be one")
    rows = [(f"`{code}`", reason) for code, reason in sorted(UNOBSERVABLE.items())]
    return _table(("Code", "Reason"), rows)


def _changes(changelog: str) -> list[dict[str, Any]]:
    """Return the versions of the changelog with their lines, as the web page shows them."""
    versions = []
    for section in changelog.split("\n## ")[1:]:
        version, _, text = section.partition("\n")
        lines = [" ".join(line.split()) for line in text.split("\n- ")[1:]]
        versions.append({"version": version, "changes": lines})
    return versions


def _settings_page() -> str:
    intro = (
        "Every setting is an environment variable; `conncheck settings` shows the current values."
    )
    return f"{_WRITTEN_BY}# Settings\n\n{intro}\n\n{_settings_table()}"


def _settings_table() -> str:
    schemas = Settings.model_json_schema()["properties"].values()
    rows = [
        (f"`{name}`", _kind(schema), _default(schema), description)
        for (name, description), schema in zip(setting_names().items(), schemas, strict=True)
    ]
    return _table(("Name", "Type", "Default", "Description"), rows)


def _kind(schema: dict[str, Any]) -> str:
    if "items" in schema:
        return f"list of {_kind(schema['items'])}s"
    if "anyOf" in schema:  # one that may be left out, or an IPv4 or IPv6 network
        schema = schema["anyOf"][0]
    names = {"password": "secret", "ipv4network": "CIDR", "string": "text"}
    kind = schema.get("format", schema["type"])
    bounds = [f"{text} {schema[key]}" for key, text in _BOUNDS.items() if key in schema]
    return ", ".join([names.get(kind, kind), *bounds])


def _default(schema: dict[str, Any]) -> str:
    default = schema["default"]
    return "" if default in (None, []) else f"`{default}`"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
