"""The option --site of the commands that test on a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.queue.queued_job import BULK, INTERACTIVE
from tests.running.service import Service
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import ZstackNode

Node = tuple[ZstackNode, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with workers of the site fra1."""
    directory = tmp_path_factory.mktemp("sites")
    with (
        service_with_sites(directory, "fra1") as (service, sites),
        sites.worker(service, "fra1", INTERACTIVE),
        sites.worker(service, "fra1", BULK),
    ):
        yield service


def command(service: Service | None, *arguments: str) -> Result:
    there = {"CONNCHECK_SERVER": service.url, "CONNCHECK_TOKEN": service.token} if service else {}
    return CliRunner().invoke(app, [*arguments], env={"CONNCHECK_SECRET_KEY": "SECRET", **there})


def test_a_test_is_made_from_the_site(running: Service, node: Node) -> None:
    """The service's own choice may be another one."""
    key = ("--access-key", "AKID")
    done = command(running, "test", "zstack", node[1], *key, "--site", "fra1", "--json")

    assert done.exit_code == 0, done.output
    assert '"site":"fra1"' in done.stdout.replace('": "', '":"')


def test_certificates_are_inspected_from_the_site(running: Service, node: Node) -> None:
    """Another site may see those of an interception."""
    done = command(running, "inspect", node[1], "--site", "fra1", "--json")

    assert '"site":"fra1"' in done.stdout.replace('": "', '":"'), done.output


def test_a_bulk_test_is_made_from_the_site_except_where_a_row_names_one(
    running: Service, node: Node, tmp_path: Path
) -> None:
    """A list of one place needs no column."""
    table = tmp_path / "platforms.csv"
    row = f"zstack,{node[1]},AKID,SECRET"
    table.write_text(f"productType,endpoint,accessKey,secretKey,site\n{row},\n{row},default\n")
    done = command(running, "bulk", str(table), "--site", "fra1", "--json")

    assert done.exit_code == 0, done.output
    told = done.stdout.replace('": "', '":"')
    assert (told.count('"site":"fra1"'), told.count('"site":"default"')) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [("test", "tcp", "127.0.0.1:1"), ("inspect", "127.0.0.1:1"), ("bulk", "platforms.csv")],
    ids=["test", "inspect", "bulk"],
)
def test_a_site_needs_a_server(arguments: tuple[str, ...]) -> None:
    """A test in this process would be one from here, whatever is named."""
    done = command(None, *arguments, "--site", "fra1")

    assert done.exit_code == 2
    assert "--site needs --server" in done.output


def test_a_row_with_a_site_is_invalid_in_this_process(tmp_path: Path) -> None:
    """What it would find out is not what was asked."""
    table = tmp_path / "platforms.csv"
    table.write_text("productType,endpoint,site\ntcp,127.0.0.1:1,fra1\n")
    done = command(None, "bulk", str(table), "--dry-run", "--json")

    assert done.exit_code == 3, done.output
    assert "options.site" in done.stdout
