"""The command `conncheck test`, in this process and by a service."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.products import PRODUCTS
from tests.certificates.authority import Authority
from tests.cli.commanding import LOOPBACK, SECRET_KEY, conncheck, terminal
from tests.running.service import Service, command_of, last_made
from tests.stand_ins.zstack import ZstackNode, zstack_node

STEPS = ("dns_lookup", "tcp_connect", "http_response", "product_identify", "authenticate")


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a healthy node that knows the key pair AKID and SECRET_KEY."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET_KEY})) as (healthy, port):
        yield healthy, f"127.0.0.1:{port}"


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> tuple[list[str], Mapping[str, str]]:
    """Give the options with which a test is made in this process, and by a service."""
    if request.param == "here":
        return [*LOOPBACK], {}
    service: Service = request.getfixturevalue("service")
    return ["--server", service.url], {"CONNCHECK_TOKEN": service.token}


def a_test(endpoint: str, *more: str) -> list[str]:
    return ["test", "zstack", endpoint, "--access-key", "AKID", *more]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_healthy_platform_passes(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]]
) -> None:
    """The same steps are made here and there, and each is shown with the time that it took."""
    options, settings = where

    made = conncheck(*a_test(node[1], *options), CONNCHECK_SECRET_KEY=SECRET_KEY, **settings)

    assert (made.returncode, made.stderr) == (0, "")
    for step in STEPS:
        (line,) = [line for line in made.stdout.splitlines() if step in line]
        assert line.startswith("  ✓")
        assert " ms " in line
    assert "✓ passed after" in made.stdout
    assert "\x1b" not in made.stdout
    assert node[0].judged == ["AKID"]


def test_a_failure_tells_the_cause_and_what_to_do(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]]
) -> None:
    """One glance must tell where it failed, why, and whose turn it is."""
    options, settings = where

    made = conncheck(*a_test(node[1], *options), CONNCHECK_SECRET_KEY="another", **settings)

    assert (made.returncode, made.stderr) == (1, "")
    assert "auth.secret_mismatch, can be fixed by you" in made.stdout
    assert "Enter the secretKey that was created together with this accessKey." in made.stdout
    assert re.search(r" status +403 ", made.stdout)
    assert "not reached" in made.stdout
    assert "✗ failed at authenticate" in made.stdout


def test_loopback_is_refused_with_the_way_to_allow_it(node: tuple[ZstackNode, str]) -> None:
    """The policy is the service's; that nothing was tested must not pass for a fault."""
    made = conncheck(*a_test(node[1]), CONNCHECK_SECRET_KEY=SECRET_KEY)

    assert made.returncode == 3
    assert "policy.address_blocked" in made.stdout
    assert "--allow-network" in made.stdout
    assert "could not be tested" in made.stdout
    assert node[0].requests == []


def test_a_service_is_not_told_to_allow_a_network(
    where: tuple[list[str], Mapping[str, str]],
) -> None:
    """The option is for tests in this process; with a login it is refused."""
    options, settings = where
    is_here = not settings

    made = conncheck("test", "tcp", "169.254.1.1:1", *options, **settings)

    assert made.returncode == 3
    assert ("--allow-network" in made.stdout) == is_here


def test_an_allowed_network_of_the_settings_counts_too(node: tuple[ZstackNode, str]) -> None:
    """What the operator has set for the service holds for his commands."""
    allowed = {"CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8"}

    made = conncheck(*a_test(node[1]), CONNCHECK_SECRET_KEY=SECRET_KEY, **allowed)

    assert made.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test", "zstak", "h", "-k", "A"], "product 'zstak' is unknown; did you mean zstack"),
        (["test", "zstack", "h:x", "-k", "A"], "ENDPOINT: The endpoint's port must be"),
        (["test", "zstack", "h", "-k", "A", "-o", "zone=UTC"], "--option zone: is not a field"),
        (["test", "zstack", "h", "-k", "A", "-o", "timeZone"], "is not of the form NAME=VALUE"),
        (["test", "zstack", "h", "-k", "A", "-o", "a=1", "-o", "a=2"], "a is given twice"),
        (
            ["test", "alibabacloud", "h", "-k", "A", "--expect", "account"],
            "is not of the form NAME=VALUE",
        ),
        (["test", "aws", "h", "-k", "A", "--expect", "user=a", "--expect", "user=b"], "twice"),
        (
            ["test", "alibabacloud", "h", "-k", "A", "--expect", "tenant=a"],
            "--expect tenant: Alibaba",
        ),
        (["test", "zstack", "h"], "give --access-key: AccessKey ID"),
        (["test", "zstack", "h", "-k", "A", "--option-file", "timeZone=no"], "No such file"),
        (["test", "zstack", "h", "-k", "A", "--fingerprint", "ab"], "--fingerprint: must be"),
        (["test", "zstack", "h", "-k", "A", "--allow-network", "x"], "is not a network such as"),
        (["test", "zstack", "h", "-k", "A", "--lang", "fr"], "choose en or zh-CN"),
        (["test", "zstack", "h", "-k", "A", "--server", "ftp://h"], "is not a URL such as"),
        (["test", "zstack", "h", "-k", "A", "--server", "http://[::1]:1"], "needs a token"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], said: str) -> None:
    """A script must tell a mistyped option from a broken platform: 2 is not 1."""
    made = CliRunner().invoke(app, arguments, env={"CONNCHECK_SECRET_KEY": SECRET_KEY})

    assert (made.exit_code, made.stdout) == (2, "")
    assert said in made.stderr
    assert len(made.stderr.splitlines()) == 1


def test_without_a_terminal_nobody_is_asked_for_the_secret() -> None:
    """A prompt in a pipeline would wait for ever, or take the next line of a file for it."""
    made = conncheck(*a_test("192.168.1.1"), stdin=SECRET_KEY)

    assert made.returncode == 2
    assert "CONNCHECK_SECRET_KEY" in made.stderr
    assert "--secret-key-file" in made.stderr


def test_the_json_is_what_the_service_shows_of_a_job(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """A pipeline reads one shape, wherever the test was made; the file holds the same."""
    options, settings = where
    file = tmp_path / "job.json"

    made = conncheck(
        *a_test(node[1], "--json", "--output", str(file), *options),
        CONNCHECK_SECRET_KEY="another",
        **settings,
    )

    job = json.loads(made.stdout)
    assert made.returncode == 1
    assert job["success"] is False
    assert last_made(job)["cause"] == "auth.secret_mismatch"
    assert [item["name"] for item in job["items"]] == [*STEPS, "authorize"]
    assert job["items"][-1]["summary"] == "authenticate failed"
    assert json.loads(file.read_text()) == job


@pytest.mark.parametrize("way", ["file", "stdin", "environment"])
def test_the_secret_comes_from_where_nobody_sees_it(
    way: str, node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """An argument would stand in `ps` and in the shell's history."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET_KEY}\n")
    option = {"file": str(file), "stdin": "-"}.get(way)
    options = ["--secret-key-file", option] if option else []
    settings = {"CONNCHECK_SECRET_KEY": SECRET_KEY} if way == "environment" else {}

    made = conncheck(*a_test(node[1], *LOOPBACK, *options), stdin=f"{SECRET_KEY}\n", **settings)

    assert made.returncode == 0, made.stdout
    assert SECRET_KEY not in made.stdout + made.stderr


def test_an_option_can_come_from_a_file(node: tuple[ZstackNode, str], tmp_path: Path) -> None:
    """Some products have options that are secrets themselves."""
    (tmp_path / "zone").write_text("Mars\n")

    made = conncheck(
        *a_test(node[1], *LOOPBACK, "--option-file", f"timeZone={tmp_path / 'zone'}"),
        CONNCHECK_SECRET_KEY=SECRET_KEY,
    )

    assert made.returncode == 2
    assert "timeZone: must be a time zone" in made.stderr


def test_an_option_that_is_a_secret_is_refused_as_an_argument() -> None:
    """A session token signs in like a key pair, and `ps` shows arguments to everybody."""
    found = _with_a_secret_option()
    if found is None:
        pytest.skip("no product has an option that is a secret")
    product, option = found

    made = CliRunner().invoke(
        app,
        ["test", product, "cloud.example.com", "-k", "AKID", "-o", f"{option}={SECRET_KEY}"],
        env={"CONNCHECK_SECRET_KEY": SECRET_KEY},
    )

    assert made.exit_code == 2
    assert f"--option-file {option}=FILE" in made.stderr
    assert SECRET_KEY not in made.output


def _with_a_secret_option() -> tuple[str, str] | None:
    for product in PRODUCTS.values():
        for name, schema in product.options.model_json_schema().get("properties", {}).items():
            if any(one.get("format") == "password" for one in schema.get("anyOf", [schema])):
                return product.name, name
    return None


def test_a_plain_product_needs_no_key_pair(node: tuple[ZstackNode, str]) -> None:
    """Nobody is asked for a secret that is not used."""
    made = conncheck("test", "tcp", node[1], *LOOPBACK)

    assert made.returncode == 0, made.stderr
    assert "authenticate" not in made.stdout
    assert f"\n  {node[1]}  TCP port" in made.stdout
    assert "http://" not in made.stdout


def test_the_prompt_does_not_show_what_is_typed(node: tuple[ZstackNode, str]) -> None:
    """Somebody may look over the shoulder, and the screen may be shared."""
    with terminal(*a_test(node[1], *LOOPBACK)) as screen:
        screen.wait_for("Secret key (AccessKey Secret)")
        screen.type(f"{SECRET_KEY}\n")

        assert screen.ended() == 0
    assert SECRET_KEY not in screen.shown
    assert "passed after" in screen.text


def test_no_argument_of_the_process_holds_the_secret(node: tuple[ZstackNode, str]) -> None:
    """Everybody on the machine may read the arguments of everybody's processes."""
    node[0].hold = Event()
    settings = {"CONNCHECK_SECRET_KEY": SECRET_KEY}
    with terminal(*a_test(node[1], *LOOPBACK), **settings) as screen:
        assert node[0].changed.wait(30)
        arguments = command_of(screen.process.pid)
        node[0].hold.set()

        assert screen.ended() == 0
    assert "AKID" in arguments
    assert SECRET_KEY not in arguments


def test_steps_are_shown_while_they_happen(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]]
) -> None:
    """Who waits for a slow platform wants to see what for."""
    options, settings = where
    node[0].hold = Event()
    settings = {"CONNCHECK_SECRET_KEY": SECRET_KEY, **settings}
    with terminal(*a_test(node[1], *options), **settings) as screen:
        screen.wait_for("• authenticate")
        seen = screen.text
        node[0].hold.set()

        assert screen.ended() == 0
    assert "✓ product_identify" in seen
    assert "✓ authenticate" not in seen
    assert "· authorize" in seen
    assert "✓ authorize" in screen.text


def test_ctrl_c_ends_the_test(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]]
) -> None:
    """What was stopped has neither passed nor failed, and no stack trace says so."""
    options, settings = where
    node[0].hold = Event()
    settings = {"CONNCHECK_SECRET_KEY": SECRET_KEY, **settings}
    with terminal(*a_test(node[1], *options), **settings) as screen:
        screen.wait_for("• authenticate")
        screen.interrupt()

        assert screen.ended() == 130
    node[0].hold.set()
    assert "conncheck: stopped: the test has no result" in screen.text
    assert "Traceback" not in screen.text


def test_colours_are_for_terminals_that_want_them(node: tuple[ZstackNode, str]) -> None:
    """no-color.org: whoever sets it can't read them."""
    settings = {"CONNCHECK_SECRET_KEY": SECRET_KEY}
    with terminal(*a_test(node[1], *LOOPBACK), **settings) as screen:
        assert screen.ended() == 0
    with terminal(*a_test(node[1], *LOOPBACK), NO_COLOR="1", **settings) as colourless:
        assert colourless.ended() == 0

    assert "\x1b[32m" in screen.shown
    assert "\x1b[32m" not in colourless.shown
    assert "\x1b[31m" not in colourless.shown


def test_a_terminal_that_knows_ascii_only_is_no_reason_to_fail(
    node: tuple[ZstackNode, str],
) -> None:
    """A serial console of a rescue system is where this is needed most."""
    settings = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    made = conncheck(*a_test(node[1], *LOOPBACK), CONNCHECK_SECRET_KEY=SECRET_KEY, **settings)

    assert made.returncode == 0
    assert "+ passed after" in made.stdout
    assert made.stdout.isascii()


def test_texts_are_told_in_the_language_of_the_locale() -> None:
    """The texts are those that the service tells."""
    endpoint = f"127.0.0.1:{closed_port()}"

    by_locale = conncheck(
        *a_test(endpoint, *LOOPBACK), CONNCHECK_SECRET_KEY=SECRET_KEY, LC_ALL="zh_CN.UTF-8"
    )
    by_option = conncheck(
        *a_test(endpoint, *LOOPBACK, "--lang", "zh-CN"), CONNCHECK_SECRET_KEY=SECRET_KEY
    )

    assert "拒绝了端口" in by_locale.stdout
    assert "拒绝了端口" in by_option.stdout


def test_explain_names_commands_for_each_step_up_to_the_failure() -> None:
    """Who does not believe a program shall be able to look for himself."""
    port = closed_port()

    made = conncheck(
        *a_test(f"127.0.0.1:{port}", *LOOPBACK, "--explain"), CONNCHECK_SECRET_KEY=SECRET_KEY
    )

    assert f"nc -vz -w 3 127.0.0.1 {port}" in made.stdout
    assert SECRET_KEY not in made.stdout


def test_insecure_is_said_aloud(authority: Authority) -> None:
    """An option from a blog post must not become a habit unnoticed."""
    server = authority.server("elsewhere.example")
    with zstack_node(ZstackNode(keys={"AKID": SECRET_KEY}), tls=server) as (_, port):
        made = conncheck(
            *a_test(f"https://127.0.0.1:{port}", *LOOPBACK, "--insecure"),
            CONNCHECK_SECRET_KEY=SECRET_KEY,
        )

    assert made.returncode == 0
    assert "--insecure: the certificate of 127.0.0.1 is not verified" in made.stderr
    assert "tls.identity_unchecked" in made.stdout
    assert "passed with 1 warning" in made.stdout


def test_an_authority_can_be_given_as_a_file(authority: Authority, tmp_path: Path) -> None:
    """Most platforms inside of a company have a certificate of its own authority."""
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    node = ZstackNode(keys={"AKID": SECRET_KEY})
    with zstack_node(node, tls=authority.server("127.0.0.1")) as (_, port):
        made = conncheck(
            *a_test(f"https://127.0.0.1:{port}", *LOOPBACK, "--ca-file", str(file)),
            CONNCHECK_SECRET_KEY=SECRET_KEY,
        )

    assert made.returncode == 0, made.stdout


def test_a_wrong_token_is_not_the_platforms_fault(
    service: Service, node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """Nothing was tested; and the token is in no message."""
    file = tmp_path / "token"
    file.write_text("wrong-token-wrong-token\n")

    made = conncheck(
        *a_test(node[1], "--server", service.url, "--token-file", str(file)),
        CONNCHECK_SECRET_KEY=SECRET_KEY,
    )

    assert made.returncode == 3
    assert made.stderr.startswith("conncheck: ")
    assert "wrong-token" not in made.stdout + made.stderr


def test_a_server_that_is_not_there_is_not_the_platforms_fault() -> None:
    """A pipeline must be able to tell the two apart."""
    made = conncheck(
        *a_test("192.168.1.1", "--server", f"http://127.0.0.1:{closed_port()}", "--timeout", "1"),
        CONNCHECK_SECRET_KEY=SECRET_KEY,
        CONNCHECK_TOKEN="token-token-token",
    )

    assert made.returncode == 3
    assert "refused the connection on port" in made.stderr
    assert "Errno" not in made.stderr
