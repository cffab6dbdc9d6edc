"""The command `conncheck bulk`, in this process and by a service."""

import csv
import io
import json
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from cli.bulk.platform_files import PlatformFiles
from cli.bulk.state import open_state
from cli.main import app
from conncheck_client.form import FilePart
from shared.uploads.wishes import AS_IT_COMES
from tests.cli.commanding import COMMAND, LOOPBACK, conncheck, environment, terminal
from tests.running.service import Service, poll
from tests.stand_ins.zstack import ZstackNode, zstack_node

SECRET = "hunter2-hunter2"
HEADER = "name,productType,endpoint,accessKey,secretKey\n"
Where = tuple[list[str], Mapping[str, str]]


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a healthy node that knows the key pair AKID and SECRET."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET})) as (healthy, port):
        yield healthy, f"http://127.0.0.1:{port}"


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> Where:
    """Give the options with which tests are made in this process, and by a service."""
    if request.param == "here":
        return [*LOOPBACK], {}
    return there(request.getfixturevalue("service"))


def there(service: Service) -> Where:
    return ["--server", service.url], {"CONNCHECK_TOKEN": service.token}


def a_file(directory: Path, *rows: tuple[str, str, str], secret: str = SECRET) -> Path:
    """Write a file with a row for each name, endpoint and access key."""
    path = directory / "platforms.csv"
    lines = (f"{name},zstack,{endpoint},{key},{secret}\n" for name, endpoint, key in rows)
    path.write_text(HEADER + "".join(lines))
    return path


def identity_of(path: Path) -> bytes:
    """Return what the state file knows a file by."""
    part = FilePart(path.name, path.read_bytes())
    return PlatformFiles([part], AS_IT_COMES).identity


def test_failures_are_grouped_by_cause(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """With a thousand platforms the question is not which, but why."""
    options, settings = where
    rows = [("Berlin", node[1], "AKID"), ("Oslo", node[1], "AK2"), ("Rome", node[1], "AK3")]
    path, output = a_file(tmp_path, *rows), tmp_path / "results.csv"

    made = conncheck("bulk", str(path), "--output", str(output), *options, **settings)

    assert (made.returncode, made.stderr) == (1, "")
    assert "2  auth.unknown_access_key  can be fixed by you" in made.stdout
    assert "Oslo, Rome" in made.stdout
    assert "✓ 1    ! 0    ✗ 2" in made.stdout
    written = [*csv.DictReader(io.StringIO(output.read_text()))]
    assert [row["status"] for row in written] == ["passed", "failed", "failed"]
    assert SECRET not in made.stdout + output.read_text()
    assert {*tmp_path.iterdir()} >= {path, output}
    assert not (tmp_path / "results.csv.state").exists()


def test_failures_are_counted_by_owner(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """The next thing after a bulk test is a message to each owner."""
    options, settings = where
    path = a_file(tmp_path, ("Berlin", node[1], "AKID"), ("Oslo", node[1], "AK2"))
    header, berlin, oslo = path.read_text().splitlines()
    path.write_text(f"{header},label.owner\n{berlin},Alice\n{oslo},Bob\n")

    made = conncheck("bulk", str(path), *options, **settings)

    assert made.returncode == 1, made.stderr
    assert "by owner: Bob 1 of 1\n" in made.stdout


def test_all_passed_is_zero_and_quiet(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """A nightly job that finds nothing should say next to nothing."""
    options, settings = where
    path = a_file(tmp_path, ("Berlin", node[1], "AKID"))

    made = conncheck("bulk", str(path), *options, **settings)

    assert (made.returncode, made.stderr) == (0, "")
    assert len([line for line in made.stdout.splitlines() if line.strip()]) == 2


def test_a_row_that_is_no_platform_is_named_and_sinks_nothing(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """One slip of the pen in row 4711 is no reason to test nothing."""
    options, settings = where
    path = a_file(tmp_path, ("Bad", "ftp://h", "AKID"), ("Berlin", node[1], "AKID"))

    made = conncheck("bulk", str(path), *options, **settings)

    assert made.returncode == 3
    assert "line 2, column 3, endpoint: " in made.stdout
    assert "✓ 1 " in made.stdout


def test_a_file_without_a_valid_row_tells_each_reason(where: Where, tmp_path: Path) -> None:
    """That all of them are wrong is no reason to say less than of one."""
    options, settings = where
    (path := tmp_path / "p.csv").write_text(
        "name;Plattform;Adresse\nBerlin;tcp;10.0.0.5:22:22\nOslo;abacus;10.0.0.6\n"
    )

    output = tmp_path / "r.csv"

    made = conncheck("bulk", str(path), "--output", str(output), *options, **settings)

    assert (made.returncode, made.stderr) == (3, "")
    assert "2  invalid rows were skipped" in made.stdout
    rows = csv.DictReader(io.StringIO(output.read_text()))
    assert [(row["line"], row["outcome"]) for row in rows] == [("2", "invalid"), ("3", "invalid")]
    assert "line 2, column 3 (Adresse), endpoint: " in made.stdout
    assert "line 3, column 2 (Plattform), productType: " in made.stdout


def test_rows_have_the_product_that_is_said_of_all_of_them(where: Where, tmp_path: Path) -> None:
    """An export of vCenter does not say that it is one."""
    options, settings = where
    (path := tmp_path / "hosts.csv").write_text("host;port\n127.0.0.1;1\n")

    made = conncheck("bulk", str(path), "--product", "tcp", "--json", *options, **settings)

    assert made.returncode == 1, made.stderr
    assert [item["productType"] for item in json.loads(made.stdout)["items"]] == ["tcp"]


def test_no_cell_of_the_results_can_pass_for_a_formula(
    node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """The file is opened in a spreadsheet, and names may come from anywhere."""
    path, output = a_file(tmp_path, ("=1+1", node[1], "AKID")), tmp_path / "r.csv"

    conncheck("bulk", str(path), "--output", str(output), *LOOPBACK)

    assert [row["name"] for row in csv.DictReader(io.StringIO(output.read_text()))] == ["'=1+1"]


def _yaml(item: Mapping[str, str]) -> str:
    lines = "\n  ".join(f"{name}: {value}" for name, value in item.items())
    return f"- {lines}\n"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("p.json", lambda item: json.dumps({"items": [item]})),
        ("p.ndjson", lambda item: json.dumps(item) + "\n"),
        ("p.yaml", _yaml),
        ("p.yml", lambda item: "items:\n" + _yaml(item)),
    ],
)
def test_a_file_is_read_in_any_of_the_formats(
    name: str, write: Callable[[Mapping[str, str]], str], where: Where, tmp_path: Path
) -> None:
    """Inventories come in all of them; a date in YAML is a key here, not a date."""
    options, settings = where
    with zstack_node(ZstackNode(keys={"2026-01-01": SECRET})) as (_, port):
        item = {"productType": "zstack", "endpoint": f"http://127.0.0.1:{port}"}
        item |= {"accessKey": "2026-01-01", "secretKey": SECRET}
        (tmp_path / name).write_text(write(item))

        made = conncheck("bulk", str(tmp_path / name), "--json", *options, **settings)

    shown = json.loads(made.stdout)
    assert made.returncode == 0, made.stderr
    assert (shown["total"], shown["passed"], shown["failed"]) == (1, 1, 0)
    assert SECRET not in made.stdout


def test_a_file_comes_from_standard_input(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """An inventory program writes it, and nothing of it lies on a disk."""
    options, settings = where
    content = a_file(tmp_path, ("Berlin", node[1], "AKID")).read_text()

    made = conncheck("bulk", "-", "--json", *options, stdin=content, **settings)

    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["passed"] == 1


def test_an_address_is_tested_no_more_often_at_once_than_it_may(tmp_path: Path) -> None:
    """The policy is the service's: CONNCHECK_PER_TARGET."""
    node = ZstackNode(keys={f"AK{n}": SECRET for n in range(3)}, hold=Event())
    with zstack_node(node) as (_, port):
        rows = [("", f"http://127.0.0.1:{port}", f"AK{n}") for n in range(3)]
        path = a_file(tmp_path, *rows)
        settings = {"CONNCHECK_PER_TARGET": "1"}
        with terminal("bulk", str(path), *LOOPBACK, **settings) as screen:
            assert node.changed.wait(30)
            judged = list(node.judged)
            assert node.hold
            node.hold.set()
            assert screen.ended() == 0

    assert len(judged) == 1
    assert sorted(node.judged) == ["AK0", "AK1", "AK2"]


def test_a_rejected_pair_is_not_presented_again(
    node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """A file that names a wrong pair twice must not lock the account."""
    row = ("", node[1], "AKID")
    path = a_file(tmp_path, row, row, secret="wrong-wrong")

    made = conncheck("bulk", str(path), "--json", *LOOPBACK, CONNCHECK_PER_TARGET="1")

    assert json.loads(made.stdout)["causes"] == {"auth.secret_mismatch": 2}
    assert node[0].judged == ["AKID"]


def test_a_terminal_shows_how_it_gets_on(
    node: tuple[ZstackNode, str], where: Where, tmp_path: Path
) -> None:
    """Who waits for a thousand tests wants to know how many are left."""
    options, settings = where
    with zstack_node(ZstackNode(keys={"AKID": SECRET}, hold=Event())) as (held, port):
        endpoint = f"http://127.0.0.1:{port}"
        path = a_file(tmp_path, ("Berlin", node[1], "AKID"), ("Oslo", endpoint, "AKID"))
        with terminal("bulk", str(path), *options, **settings) as screen:
            screen.wait_for("1/2  ✓ 1")
            assert held.hold
            held.hold.set()
            assert screen.ended() == 0
    assert "2/2  ✓ 2" in screen.text


def test_a_run_that_was_stopped_goes_on(node: tuple[ZstackNode, str], tmp_path: Path) -> None:
    """What was tested is not tested again, and the results are those of one run."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET}, hold=Event())) as (held, port):
        endpoint = f"http://127.0.0.1:{port}"
        path = a_file(tmp_path, ("Berlin", node[1], "AKID"), ("Oslo", endpoint, "AKID"))
        output = tmp_path / "r.csv"
        command = ["bulk", str(path), "--output", str(output), *LOOPBACK]
        with terminal(*command) as screen:
            screen.wait_for("1/2  ✓ 1")
            screen.interrupt()
            stopped = screen.ended()
        state = (tmp_path / "r.csv.state").read_text()
        assert held.hold
        held.hold.set()
        made = conncheck(*command)

    assert stopped == 130
    assert "1 of 2 platforms tested; run the same command again to continue" in screen.text
    assert "Traceback" not in screen.text
    assert SECRET not in state
    assert not (tmp_path / "r.csv.state").exists()
    assert (made.returncode, made.stderr) == (0, "")
    assert "1 tested before" in made.stdout
    assert node[0].judged == ["AKID"]
    written = [*csv.DictReader(io.StringIO(output.read_text()))]
    assert [row["status"] for row in written] == ["passed", "passed"]


def test_a_batch_of_the_service_is_found_again(
    node: tuple[ZstackNode, str], service: Service, tmp_path: Path
) -> None:
    """The service goes on while nobody watches; the same command shows the same batch."""
    options, settings = there(service)
    node[0].hold = Event()
    path, output = a_file(tmp_path, ("Berlin", node[1], "AKID")), tmp_path / "r.ndjson"
    command = ["bulk", str(path), "--output", str(output), *options]
    with terminal(*command, **settings) as screen:
        screen.wait_for("0/1")
        assert node[0].changed.wait(30)
        screen.interrupt()
        stopped = screen.ended()
    state = (tmp_path / "r.ndjson.state").read_text()
    node[0].hold.set()
    made = conncheck(*command, **settings)

    assert stopped == 130
    assert "the batch continues on the service" in screen.text
    assert SECRET not in state
    assert service.token not in state
    assert made.returncode == 0, made.stderr
    assert node[0].judged == ["AKID"]
    assert json.loads(output.read_text())["status"] == "passed"


def test_a_batch_can_be_followed_repeated_and_ended_by_its_id(
    node: tuple[ZstackNode, str], service: Service, tmp_path: Path
) -> None:
    """It may have been submitted by a colleague, or by a pipeline."""
    options, settings = there(service)
    path = a_file(tmp_path, ("Berlin", node[1], "AKID"))
    node[0].is_ready = False
    first = conncheck("bulk", str(path), *options, **settings)
    batch_id = first.stdout.split("batch ")[1].split()[0]
    node[0].is_ready = True

    followed = conncheck("bulk", "--batch", batch_id, *options, **settings)
    repeated = conncheck("bulk", "--batch", batch_id, "--retry", *options, **settings)
    ended = conncheck("bulk", "--batch", batch_id, "--cancel", *options, **settings)

    assert (first.returncode, followed.returncode) == (1, 1)
    assert repeated.returncode == 0, repeated.stderr
    assert ended.returncode == 1  # it had ended before


def test_a_choice_of_what_failed_is_retried(
    node: tuple[ZstackNode, str], service: Service, tmp_path: Path
) -> None:
    """Alice has mended hers; Bob's account must not be locked by another wrong sign-in."""
    options, settings = there(service)
    path = a_file(tmp_path, ("Berlin", node[1], "AK1"), ("Oslo", node[1], "AK2"))
    header, berlin, oslo = path.read_text().splitlines()
    path.write_text(f"{header},ref,label.owner\n{berlin},r1,Alice\n{oslo},r2,Bob\n")
    first = conncheck("bulk", str(path), *options, **settings)
    batch_id = first.stdout.split("batch ")[1].split()[0]
    again = ["bulk", "--batch", batch_id, "--retry", "--json", *options]

    of_alice = conncheck(*again, "--label", "owner=Alice", **settings)
    of_both = conncheck(*again, "--cause", "auth.unknown_access_key", "--ref", "r2", **settings)
    of_nobody = conncheck(*again, "--cause", "tls.expired", **settings)

    assert [item["name"] for item in json.loads(of_alice.stdout)["items"]] == ["Berlin"]
    assert [item["name"] for item in json.loads(of_both.stdout)["items"]] == ["Oslo"]
    assert (of_nobody.returncode, of_nobody.stdout) == (3, "")
    assert "retried" in of_nobody.stderr


def test_results_are_written_in_the_order_that_is_asked_for(
    node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """The slowest first, say."""
    path = a_file(tmp_path, ("Berlin", node[1], "AKID"), ("Oslo", node[1], "AKID"))
    output = tmp_path / "r.csv"

    conncheck("bulk", str(path), "--output", str(output), "--sort", "-name", *LOOPBACK)

    rows = csv.DictReader(io.StringIO(output.read_text()))
    assert [row["name"] for row in rows] == ["Oslo", "Berlin"]


def test_a_batch_that_is_gone_is_told_with_the_way_on(
    service: Service, node: tuple[ZstackNode, str], tmp_path: Path
) -> None:
    """Results are kept for a day; the state file beside them may be older."""
    options, settings = there(service)
    path, output = a_file(tmp_path, ("Berlin", node[1], "AKID")), tmp_path / "r.csv"
    state = open_state(tmp_path / "r.csv.state", identity_of(path), service.url)
    state.keep_batch("0" * 24)
    del state

    made = conncheck("bulk", str(path), "--output", str(output), *options, **settings)

    assert made.returncode == 3
    assert f"delete {tmp_path / 'r.csv.state'} to start again" in made.stderr


def test_a_killed_run_leaves_what_it_has_done(node: tuple[ZstackNode, str], tmp_path: Path) -> None:
    """Out of memory, say: nobody could write anything any more."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET}, hold=Event())) as (held, port):
        endpoint = f"http://127.0.0.1:{port}"
        path = a_file(tmp_path, ("Berlin", node[1], "AKID"), ("Oslo", endpoint, "AKID"))
        command = ["bulk", str(path), "--output", str(tmp_path / "r.csv"), *LOOPBACK]
        state = tmp_path / "r.csv.state"
        with subprocess.Popen(
            [COMMAND, *command], env=environment(), stdout=subprocess.DEVNULL
        ) as process:
            poll(lambda: state.exists() and '"passed"' in state.read_text())
            process.send_signal(signal.SIGKILL)
        assert held.hold
        held.hold.set()
        made = conncheck(*command)

    assert made.returncode == 0, made.stderr
    assert node[0].judged == ["AKID"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a FILE of platforms"),
        (["strange.bin"], "is not a text, and not a workbook"),
        (["p.csv"], "No such file"),
        (["bad.yaml"], "is not valid YAML"),
        (["empty.csv"], "the file has no rows"),
        (["p.csv", "--output", "r.xls"], "must end in .csv, .xlsx, .ndjson"),
        (["p.csv", "--output", "no/r.csv"], "is not a directory"),
        (["p.csv", "--cancel"], "need --batch"),
        (["p.csv", "--dry-run", "--output", "bad.json"], "must end in .csv, .xlsx"),
        (["p.csv", "--map", "Account"], "write HEADER=FIELD"),
        (["p.csv", "--encoding", "x; y"], "is not the name of an encoding"),
        (["p.csv", "--product", "vspere"], "did you mean vsphere"),
        (["p.csv", "--sort", "age"], "choose one of name, cause, tookMs"),
        (["p.csv", "--label", "owner=Alice"], "need --batch"),
        (["--batch", "b", "--server", "http://127.0.0.1:1", "--ref", "r"], "need --retry"),
        (["--template", "t.xls"], "must end in .csv, .xlsx"),
        (["--template", "t.csv", "p.csv"], "needs no FILE"),
        (["-", "-"], "only once"),
        (["--batch", "b", "--server", "http://127.0.0.1:1", "--dry-run"], "need a FILE"),
        (["--batch", "b"], "--batch needs --server"),
    ],
)
def test_wrong_usage_is_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of it quotes what is in the file."""
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(f"a: [{SECRET}")
    Path("empty.csv").write_text(HEADER)
    Path("strange.bin").write_bytes(bytes(range(32)) * 9 + SECRET.encode())

    made = CliRunner().invoke(app, ["bulk", *arguments])

    assert (made.exit_code, made.stdout) == (2, "")
    assert said in made.stderr
    assert SECRET not in made.stderr
    assert len(made.stderr.splitlines()) == 1
