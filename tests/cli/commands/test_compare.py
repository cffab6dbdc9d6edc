"""The command `conncheck compare`, with workers of two sites."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.certificates.authority import Authority
from tests.cli.commanding import SECRET_KEY, conncheck, terminal
from tests.running.service import Service
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import ZstackNode, zstack_node

SITES = ("--site", "default", "--site", "fra1")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give the authority that fra1 alone trusts."""
    return Authority()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Service]:
    """Give a service with a worker at fra1, and none at sin1."""
    directory = tmp_path_factory.mktemp("compare")
    trusted = directory / "ca.pem"
    trusted.write_text(authority.pem)
    with (
        service_with_sites(directory, "fra1", "sin1") as (running, sites),
        sites.worker(running, "fra1", CONNCHECK_CA_FILE=str(trusted)),
    ):
        yield running


@pytest.fixture
def settings(service: Service) -> dict[str, str]:
    """Give the environment of the command."""
    return {
        "CONNCHECK_SERVER": service.url,
        "CONNCHECK_TOKEN": service.token,
        "CONNCHECK_SECRET_KEY": SECRET_KEY,
    }


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a healthy node that knows the key pair AKID and SECRET_KEY."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET_KEY})) as (healthy, port):
        yield healthy, f"http://127.0.0.1:{port}"


def a_comparison(endpoint: str, *more: str) -> list[str]:
    return ["compare", "zstack", endpoint, "--access-key", "AKID", *more]


def row(text: str, step: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(f"  {step} ")).split()


def test_a_platform_that_all_sites_reach_passes(
    node: tuple[ZstackNode, str], settings: dict[str, str]
) -> None:
    """One site signs in, and the table says which."""
    made = conncheck(*a_comparison(node[1], *SITES), **settings)

    assert (made.returncode, made.stderr) == (0, "")
    assert "\x1b" not in made.stdout
    assert row(made.stdout, "tcp_connect").count("✓") == 2
    authenticate = row(made.stdout, "authenticate")
    assert (authenticate[1], authenticate[-3:]) == ("✓", ["·", "not", "part"])
    assert "✓ The test passes from every site that was tested: default, fra1" in made.stdout
    assert "✓ passed from 2 sites after" in made.stdout
    assert node[0].judged == ["AKID"]


def test_a_difference_is_told_with_what_to_do_and_why(
    authority: Authority, settings: dict[str, str]
) -> None:
    """That is the sentence that ends most meetings."""
    with zstack_node(tls=authority.server("localhost")) as (_, port):
        made = conncheck(*a_comparison(f"https://localhost:{port}", *SITES), **settings)

    assert (made.returncode, made.stderr) == (1, "")
    handshake = row(made.stdout, "tls_handshake")
    assert handshake[1:3] == ["≠", "✗"]
    assert handshake.count("≠") == 1
    assert "≠ differs from other sites" in made.stdout
    assert "≠ From default the test fails at tls_handshake" in made.stdout
    assert "sites.unreachable_from, can be fixed by the network team" in made.stdout
    assert "  From default\n" in made.stdout
    assert "tls.private_ca, can be fixed by you" in made.stdout
    assert "✗ failed from default; passed from fra1 after" in made.stdout


def test_a_site_without_a_worker_is_not_taken_for_one_that_passes(
    node: tuple[ZstackNode, str], settings: dict[str, str], tmp_path: Path
) -> None:
    """A script decides by the exit status; without --site it asks all of them."""
    output = tmp_path / "compared.json"
    made = conncheck(*a_comparison(node[1], "--json", "--output", str(output)), **settings)

    assert (made.returncode, made.stderr) == (3, "")
    comparison = json.loads(made.stdout)
    assert [one["status"] for one in comparison["sites"]] == ["finished", "finished", "not_tested"]
    assert output.read_text() == made.stdout
    assert SECRET_KEY not in made.stdout


def test_every_site_signs_in_if_that_is_wanted(
    node: tuple[ZstackNode, str], settings: dict[str, str]
) -> None:
    """A rule about source addresses shows in no other way."""
    made = conncheck(*a_comparison(node[1], *SITES, "--sign-in", "all"), **settings)

    assert made.returncode == 0
    assert row(made.stdout, "authenticate").count("✓") == 2
    assert node[0].judged == ["AKID", "AKID"]


def test_the_table_is_drawn_while_the_tests_run(
    node: tuple[ZstackNode, str], settings: dict[str, str]
) -> None:
    """Somebody who waits wants to see where each site stands."""
    node[0].hold = Event()
    with terminal(*a_comparison(node[1], *SITES), **settings) as screen:
        screen.wait_for("• ")
        screen.wait_for("ended")  # fra1, which does not sign in
        node[0].hold.set()
        status = screen.ended()

    assert status == 0
    assert "✓ passed from 2 sites" in screen.text


def test_ctrl_c_cancels_the_tests_of_all_sites(
    node: tuple[ZstackNode, str], service: Service, settings: dict[str, str]
) -> None:
    """Nobody waits for them any more."""
    node[0].hold = Event()
    with terminal(*a_comparison(node[1], *SITES), **settings) as screen:
        screen.wait_for("ended")
        screen.interrupt()
        status = screen.ended()
    node[0].hold.set()

    assert status == 130
    assert "stopped: the comparison has no result" in screen.text
    with service.client() as client:
        jobs = client.get("/api/v1/platforms/test-connection/jobs").json()["items"]
    assert "cancelled" in [one["status"] for one in jobs if one["endpoint"] == node[1]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["test", "-k", "AKID", "zstack"], "passed from fra1 after"), (["inspect"], "trusted")],
)
def test_one_site_can_be_chosen(
    authority: Authority, settings: dict[str, str], arguments: list[str], said: str
) -> None:
    """Whoever has compared the sites looks at one of them again; default trusts nothing here."""
    node = ZstackNode(keys={"AKID": SECRET_KEY})
    with zstack_node(node, tls=authority.server("localhost")) as (_, port):
        made = {
            site: conncheck(*arguments, f"https://localhost:{port}", "--site", site, **settings)
            for site in ("fra1", "default")
        }

    assert made["fra1"].returncode == 0, made["fra1"].stderr
    assert said in made["fra1"].stdout
    assert made["default"].returncode == 1


def test_an_unknown_site_is_a_usage_error(settings: dict[str, str]) -> None:
    """It was mistyped; nothing is tested from fewer sites than were meant."""
    made = conncheck(*a_comparison("127.0.0.1:1", "--site", "fra2"), **settings)

    assert (made.returncode, made.stdout) == (2, "")
    assert "sites" in made.stderr
    assert "fra1" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "zstack", "h", "-k", "A"], "a comparison needs a service: give --server or"),
        (["compare", "zstak", "h", "--server", "http://[::1]:1"], "did you mean zstack"),
        (["compare", "tcp", "h:1", "--server", "http://[::1]:1"], "needs a token"),
        (["compare", "tcp", "h:1", "--server", "http://h", "--token", "t"], "never an argument"),
        (["compare", "tcp", "h:1", "--server", "http://h", "--output", "/no/x"], "--output: /no"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], said: str) -> None:
    """A script must tell a mistyped option from a broken platform: 2 is not 1."""
    made = CliRunner().invoke(app, arguments, env={"CONNCHECK_SECRET_KEY": SECRET_KEY})

    assert (made.exit_code, made.stdout) == (2, "")
    assert said in made.stderr
