"""Every command loads what it needs: what else is loaded is time before each answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commanding import LOOPBACK, SECRET_KEY, environment

# Runs the command as its entry point does, then tells what it has loaded.
TELLING = """
import json, sys
from cli.main import app
try:
    app(sys.argv[2:], prog_name="conncheck")
except SystemExit:
    pass
with open(sys.argv[1], "w") as told:
    json.dump(sorted(sys.modules), told)
"""
OF_SERVICES = {
    "amqp", "api", "celery", "fastapi", "kombu", "limits", "opentelemetry", "prometheus_client",
    "redis", "sse_starlette", "starlette", "uvicorn",
}  # fmt: skip
OF_OTHER_PRODUCTS = {"shared.products.aws", "shared.products.openstack"}
OF_PRODUCTS = {"shared.products.zstack", *OF_OTHER_PRODUCTS}
OF_UPLOADS = {"ijson", "multipart", "yaml"}
OF_OTHER_FORMATS = {"charset_normalizer", "openpyxl", "xlsxwriter", "xml.sax", "yaml"}
OF_A_TEST = {"certifi", "httptools", "worker"}
OF_TLS = {"cryptography"}
OF_A_SERVER = {"conncheck_client", "h11", "httpcore", "httpx"}
A_TEST = ("127.0.0.1:1", *LOOPBACK)
"""Of a port that is closed; what a failure brings along is part of it."""


def loaded_by(tmp_path: Path, *arguments: str, **settings: str) -> set[str]:
    """Return the modules that a command has loaded when it ends."""
    told = tmp_path / "modules.json"
    subprocess.run(
        [sys.executable, "-c", TELLING, str(told), *arguments],
        env=environment(**settings),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(told.read_text()))


@pytest.mark.parametrize(
    ("arguments", "unwanted", "most"),
    [
        (
            ["test", "tcp", *A_TEST],
            OF_A_SERVER | OF_UPLOADS | OF_PRODUCTS | OF_TLS | {"asyncio", "dns"},
            560,
        ),
        (
            ["test", "zstack", *A_TEST, "-k", "AKID"],
            OF_A_SERVER | OF_UPLOADS | OF_OTHER_PRODUCTS | OF_TLS | {"asyncio", "dns"},
            560,
        ),
        (["inspect", *A_TEST], OF_A_SERVER | OF_UPLOADS | OF_PRODUCTS | {"asyncio", "dns"}, 585),
        (["--help"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | {"cryptography", "pydantic"}, 400),
        (["test", "--help"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | {"cryptography"}, 480),
        (["compare", "tcp", "h:1"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | OF_TLS, 480),
        (["causes"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | {"cryptography"}, 400),
        (["products"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | {"cryptography"}, 450),
        (["token", "list", "--file", "/nowhere"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST, 350),
        (["keys"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST, 380),
        (["settings"], OF_A_SERVER | OF_UPLOADS | OF_A_TEST | {"cryptography"}, 330),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_a_command_loads_what_it_needs(
    arguments: list[str], unwanted: set[str], most: int, tmp_path: Path
) -> None:
    """A shell script calls it a hundred times, and a person waits for each answer."""
    loaded = loaded_by(tmp_path, *arguments, CONNCHECK_SECRET_KEY=SECRET_KEY)

    assert ("worker.pipeline" in loaded) == ("127.0.0.1:1" in arguments)  # it was really run
    assert loaded & (OF_SERVICES | unwanted) == set()
    assert len(loaded) <= most


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_bulk_test_here_loads_no_service_and_no_other_format(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """Its results have the client's models; the rest of the client is for --server."""
    (file := tmp_path / "platforms.csv").write_text("productType,endpoint\ntcp,127.0.0.1:1\n")

    loaded = loaded_by(tmp_path, "bulk", str(file), *options, *LOOPBACK)

    unwanted = OF_SERVICES | OF_A_SERVER - {"conncheck_client"} | OF_PRODUCTS | OF_TLS
    assert "worker.pipeline" in loaded or options
    assert loaded & (unwanted | OF_OTHER_FORMATS | {"dns"}) == set()


def test_doctor_loads_no_service(tmp_path: Path) -> None:
    """Redis' own client is all that it asks the parts with."""
    loaded = loaded_by(tmp_path, "doctor", "--json")

    assert loaded & (OF_SERVICES - {"redis", "opentelemetry"} | OF_A_SERVER | OF_UPLOADS) == set()


@pytest.mark.parametrize(
    ("settings", "is_found"), [({}, False), ({"PYDANTIC_DISABLE_PLUGINS": ""}, True)]
)
def test_plugins_of_pydantic_are_found_on_request(
    settings: dict[str, str], is_found: bool, tmp_path: Path
) -> None:
    """The search reads the metadata of all installed packages."""
    (tmp_path / "found_plugin.py").touch()
    (distribution := tmp_path / "found_plugin-1.dist-info").mkdir()
    (distribution / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: found-plugin\nVersion: 1\n"
    )
    (distribution / "entry_points.txt").write_text("[pydantic]\nfound = found_plugin:missing\n")

    loaded = loaded_by(tmp_path, "settings", PYTHONPATH=str(tmp_path), **settings)

    assert ("found_plugin" in loaded) is is_found
