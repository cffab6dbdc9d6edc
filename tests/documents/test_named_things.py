"""Files, modules and commands that the documents name exist."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from cli.main import app
from shared.diagnosis.catalogue import catalogue
from tools.unobservable import UNOBSERVABLE

ROOT = Path(__file__).parents[2]
CODE: Final = ("api", "cli", "client", "shared", "worker")
ROOMS: Final = (*CODE, ".ci", "bench", "constraints", "deploy", "docs", "tests", "tools")
DOCUMENTS: Final = sorted(
    path
    for pattern in (
        *("*.md", "Makefile", "Dockerfile", "docker-compose.yml", ".ci/*", "client/*.md"),
        *("docs/**/*.md", "docs/**/*.txt", "deploy/**/*.md", "deploy/**/*.y*ml"),
    )
    for path in ROOT.glob(pattern)
)
_IN_A_ROOM = re.compile(
    rf"(?<![\w./:@$<>{{}}-])(?:{'|'.join(map(re.escape, ROOMS))})/[\w.*/-]*[\w*/]"
)
_FILE = re.compile(r"[\w-][\w./-]*\.(?:css|html|js|json|md|png|py|sh|svg|toml|txt|ya?ml)")
_MODULE = re.compile(r"(?:api|bench|cli|conncheck_client|shared|tests|tools|worker)(?:\.\w+)+")
_COMMAND = re.compile(r"(?:docker run --rm )?conncheck ([a-z]+)(?: ([a-z]+))?")
NO_FILES_OF_OURS: Final = {
    "dist/sbom.json",  # `make sbom` writes it
    *("clouds.yaml", "secure.yaml", "config.json"),  # docs/bulk.md: files of other programs
    "policy.json",  # docs/products/s3.md: the reader writes it
    "fra1.txt",  # docs/sites.md: the reader writes it
    "tests/s",  # docs/performance.md: tests a second
}
NO_COMMANDS: Final = {
    "ready",  # what `conncheck up` prints
}


def spans(text: str) -> Iterator[str]:
    """Give what stands between backticks in a line."""
    return (match[1] for match in re.finditer(r"`([^`\n]+)`", text))


def blocks(text: str) -> Iterator[str]:
    """Give the lines of the blocks of code."""
    for match in re.finditer(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from match[1].splitlines()


def named_files(text: str) -> set[str]:
    """Return all words that look like a file or a folder of this repository."""
    words = {word.strip("(),;:\"'") for span in spans(text) for word in span.split()}
    return {match[0] for match in _IN_A_ROOM.finditer(text)} | {
        word for word in words if _FILE.fullmatch(word)
    }


def named_modules(text: str) -> set[str]:
    """Return all dotted names of modules between backticks; codes of causes look the same."""
    words = {word for span in spans(text) for word in span.split() if _MODULE.fullmatch(word)}
    return words - set(catalogue()) - set(UNOBSERVABLE)


def is_there(name: str, page: Path) -> bool:
    return any(list(folder.glob(name)) for folder in (ROOT, page.parent))


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(page: Path) -> None:
    """A path that leads nowhere costs a newcomer more time than no path."""
    text = page.read_text()
    missing = {name for name in named_files(text) if not is_there(name, page)}

    assert missing - NO_FILES_OF_OURS == set()
    assert {name for name in named_modules(text) if not is_module(name)} == set()


def test_a_path_that_does_not_exist_is_found() -> None:
    """A pattern that matches nothing would let every document pass."""
    text = "Look at worker/nowhere.py, `nowhere.md`, `worker.nowhere` and `api.version_eol`."

    assert named_files(text) == {"worker/nowhere.py", "nowhere.md"}
    assert named_modules(text) == {"worker.nowhere"}
    assert not is_there("worker/nowhere.py", ROOT / "README.md")
    assert not is_module("worker.nowhere")


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    """Links to other sites and to a section of the same page are not looked at."""
    links = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_that_is_named_exists() -> None:
    """In the documents and in what the code says of itself."""
    sources = [path for room in CODE for path in (ROOT / room).rglob("*.py")]
    named = {
        (match[1], match[2] or "")
        for path in (*DOCUMENTS, *sources)
        for line in chain(spans(path.read_text()), blocks(path.read_text()))
        if (match := _COMMAND.match(line)) and match[1] not in NO_COMMANDS
    }
    commands: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined]
    below = {name: set(getattr(command, "commands", ())) for name, command in commands.items()}

    assert len(named) > 10
    assert {name for name, _ in named} <= set(commands)
    assert {
        pair for pair in named if pair[1] and below[pair[0]] and pair[1] not in below[pair[0]]
    } == set()
