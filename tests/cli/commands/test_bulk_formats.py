"""Files as people have them, given to `conncheck bulk`, in this process and by a service."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commanding import conncheck
from tests.running.service import Service

SECRET = "hunter2-hunter2"
CLOUDS = """
clouds:
  prod:
    auth:
      auth_url: https://keystone.example.com:5000/v3
      username: alice
      project_name: demo
      user_domain_name: Default
      project_domain_name: Default
"""
SECURE = f"clouds: {{prod: {{auth: {{password: {SECRET}}}}}}}\n"
Where = tuple[list[str], Mapping[str, str]]


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> Where:
    """Give the options with which files are read in this process, and by a service."""
    if request.param == "here":
        return [], {}
    service: Service = request.getfixturevalue("service")
    return ["--server", service.url], {"CONNCHECK_TOKEN": service.token}


def look(where: Where, *arguments: str, stdin: str = "") -> Any:
    """Return what a dry run tells of files whose rows are all fine."""
    options, settings = where
    command = ["bulk", *arguments, "--dry-run", "--json", *options]
    made = conncheck(*command, stdin=stdin, **settings)
    assert made.returncode == 0, made.stdout + made.stderr
    return json.loads(made.stdout)


def test_files_that_go_together_are_read_together(where: Where, tmp_path: Path) -> None:
    """OpenStack's client keeps passwords in a file of their own."""
    (clouds := tmp_path / "clouds.yaml").write_text(CLOUDS)
    (secure := tmp_path / "secure.yaml").write_text(SECURE)

    found = look(where, str(clouds), str(secure))

    assert found["accepted"] == 1
    assert found["first"][0]["values"]["productType"] == "openstack"
    assert found["first"][0]["values"]["secretKey"] == "••••"


def test_files_that_do_not_go_together_are_refused(where: Where, tmp_path: Path) -> None:
    """Two tables may have different columns."""
    options, settings = where
    (one := tmp_path / "a.csv").write_text("productType,endpoint\ntcp,10.0.0.1:22\n")
    (other := tmp_path / "b.csv").write_text("productType,endpoint\ntcp,10.0.0.2:22\n")

    made = conncheck("bulk", str(one), str(other), "--dry-run", *options, **settings)

    assert (made.returncode, made.stdout) == (2, "")
    assert len(made.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["platforms", "platforms.txt", "wrong.csv"])
def test_the_content_decides_and_not_the_name(name: str, where: Where, tmp_path: Path) -> None:
    """Files are renamed, and tools give them endings of their own."""
    (path := tmp_path / name).write_text('[{"type": "tcp", "host": "10.0.0.1", "port": 22}]')

    found = look(where, str(path))

    assert (found["read"]["format"], found["accepted"]) == ("JSON", 1)


def test_standard_input_is_recognised_by_its_content(where: Where) -> None:
    """It has no name at all."""
    found = look(where, "-", stdin='{"productType": "tcp", "endpoint": "10.0.0.1:22"}\n' * 2)

    assert (found["read"]["format"], found["accepted"]) == ("NDJSON", 2)


def test_a_mapping_says_what_columns_mean(where: Where, tmp_path: Path) -> None:
    """By the header or by the number, and as labels."""
    (path := tmp_path / "p.csv").write_text(
        f"Acces Key;owner;vc;x\nadmin;Alice;10.0.0.5;{SECRET}\n"
    )
    mapping = ["--map", "Acces Key=accessKey", "--map", "owner=label.owner", "--map", "4=secretKey"]

    found = look(where, str(path), *mapping)

    assert [column["field"] for column in found["read"]["columns"]] == [
        *("accessKey", "label.owner", "host", "secretKey")
    ]
    assert found["first"][0]["values"]["label.owner"] == "Alice"


def test_an_encoding_that_is_told_is_taken(where: Where, tmp_path: Path) -> None:
    """Two letters are too few to tell one encoding from another."""
    text = "name,productType,endpoint\n北京,tcp,10.0.0.1:22\n"
    (path := tmp_path / "p.csv").write_bytes(text.encode("big5"))

    found = look(where, str(path), "--encoding", "big5")

    assert found["read"]["encoding"] == "Big5"
    assert found["first"][0]["values"]["name"] == "北京"
