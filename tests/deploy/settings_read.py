"""Find out which settings the API and the workers read."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, get_args

from pydantic import FilePath

from shared.settings import PREFIX, Settings

ROOT: Final = Path(__file__).parents[2]
API, WORKER = "api", "worker"
DIRECTORIES: Final = {
    "CONNCHECK_TOKENS_FILE": "/tokens",
    "CONNCHECK_SITES_FILE": "/sites",
    "CONNCHECK_CA_FILE": "/certificates",
}
"""Where the file that a setting names is in the containers of those that read it."""

_COMMANDS: Final = ROOT / "cli" / "main.py"


@cache
def settings_read_by(part: str) -> frozenset[str]:
    """Return the environment variables of all settings that a part's code reads.

    They are the attributes of whatever is called `settings`, in the part's own package, in
    `shared`, and where cli/main.py prepares and starts the part.
    """
    modules = [tree for room in (part, "shared") for tree in _modules(ROOT / room)]
    started_by = [
        node
        for node in _parsed(_COMMANDS).body
        if isinstance(node, ast.FunctionDef) and (node.name == part or node.name.startswith("_"))
    ]
    names = {name for node in (*modules, *started_by) for name in _attributes(node, "settings")}
    through = _properties()
    found = {field for name in names for field in through.get(name, {name})}
    return frozenset(PREFIX + name.upper() for name in found & set(Settings.model_fields))


def settings_that_name_files() -> set[str]:
    """Return the environment variables of the settings whose value is the path of a file."""
    fields = Settings.model_fields.items()
    return {PREFIX + name.upper() for name, one in fields if FilePath in get_args(one.annotation)}


def directories_for(part: str) -> set[str]:
    """Return the directories with all files that a part's settings can name."""
    return {DIRECTORIES[name] for name in settings_read_by(part) & settings_that_name_files()}


def _properties() -> dict[str, set[str]]:
    """Return the settings that each method of Settings combines, by the method's name."""
    settings = next(
        node
        for node in _parsed(ROOT / "shared" / "settings.py").body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    )
    methods = [node for node in settings.body if isinstance(node, ast.FunctionDef)]
    return {method.name: set(_attributes(method, "self")) for method in methods}


def _attributes(tree: ast.AST, owner: str) -> Iterator[str]:
    """Yield what is read of `owner`, `_owner` and `anything.owner`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of = node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if name.lstrip("_") == owner:
                yield node.attr


def _modules(directory: Path) -> Iterator[ast.Module]:
    for path in sorted(directory.rglob("*.py")):
        yield _parsed(path)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
