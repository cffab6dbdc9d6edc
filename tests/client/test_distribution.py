"""The client as a portal has it: with its own dependencies, and nothing of the service."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "client"
SERVICE = {"api", "celery", "cli", "fastapi", "kombu", "redis", "shared", "worker"}
MODULES = [
    ".".join(path.relative_to(CLIENT).with_suffix("").parts)
    for path in sorted((CLIENT / "conncheck_client").rglob("*.py"))
]


def dependencies(name: str) -> Iterator[str]:
    """Give the distribution and those that it needs."""
    yield name.lower().replace("_", "-")
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from dependencies(requirement.name)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which nothing can be imported but the client and what it needs."""
    place = tmp_path_factory.mktemp("site-packages")
    (place / "conncheck_client").symlink_to(CLIENT / "conncheck_client")
    for name in set(dependencies("conncheck-client")) - {"conncheck-client"}:
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            (place / top).symlink_to(Path(str(installed.locate_file(top))))
    return place


def run(code: str, *path: Path) -> str:
    """Return what `code` prints in a Python that sees `path` alone."""
    places = [str(place) for place in path]
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {places}; {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_service_is_not_loaded(environment: Path) -> None:
    """A portal has its own web framework and its own queue, or none."""
    imports = ", ".join(name.removesuffix(".__init__") for name in MODULES)
    code = f"import {imports}; print(*sys.modules)"

    loaded = {name.partition(".")[0] for name in run(code, environment).split()}

    assert "conncheck_client" in loaded
    assert loaded & SERVICE == set()


def test_who_takes_the_client_for_threads_loads_no_asyncio(environment: Path) -> None:
    """It is a quarter of what the import costs."""
    code = "from conncheck_client import Client, AsyncClient; print('asyncio' in sys.modules)"

    assert run(code, environment) == "False\n"


def test_a_portal_may_have_packages_of_the_same_names(environment: Path, tmp_path: Path) -> None:
    """Every second portal has a package `api`."""
    for name in SERVICE:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"OWN = {name!r}\n")
    code = "import api, shared; from conncheck_client import Client; print(api.OWN, shared.OWN)"

    assert run(code, tmp_path, environment) == "api shared\n"


def test_the_wheel_is_typed_and_has_the_client_alone(tmp_path: Path) -> None:
    """Without py.typed a portal's type checker takes everything of it for Any."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        (metadata,) = (n for n in names if n.endswith("METADATA"))
        needed = re.findall(r"^Requires-Dist: ([\w-]+)", content.read(metadata).decode(), re.M)

    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "conncheck_client"
    }
    assert "conncheck_client/py.typed" in names
    assert needed == ["httpx", "pydantic"]


def test_the_service_needs_the_client_of_its_own_tree() -> None:
    """Both change together; no index has either."""
    versions = [
        re.findall(pattern, path.read_text(), re.M)
        for pattern, path in (
            (r'^version = "(.+)"', CLIENT / "pyproject.toml"),
            (r'^    "conncheck-client==(.+?)"', ROOT / "pyproject.toml"),
        )
    ]

    assert len(versions[0]) == 1
    assert versions[0] == versions[1]
