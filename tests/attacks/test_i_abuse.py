"""I: callers who turn the service against others, or against itself.

Further cases stand where their parts are tested: I2 and I11 in tests/end_to_end, I4, I6, I7, I10.
"""

import json
import pickle
import secrets
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from api.access.refusals import PER_MINUTE
from shared.policy.token_file import TokenFile, new_entry
from shared.store.site_keys import DEFAULT_KEYS
from tests.attacks.traps.trap import trap
from tests.network.servers import hold, serving
from tests.running.batches import BATCHES, finished, submitted
from tests.running.service import CALL, Service, a_request, number_taken, poll, running_service
from tests.shared.uploads.workbooks.bombs import BOMBS
from tests.stand_ins.keystone import Keystone
from tests.stand_ins.zstack import zstack_node
from worker.steps.service_endpoints import MOST_PLACES

JOBS = f"{CALL}/jobs"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Signed = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """Give a service with a token file, and the file."""
    folder = tmp_path_factory.mktemp("abuse")
    file = folder / "tokens.json"
    TokenFile(tokens=()).write(file)
    with running_service(folder, CONNCHECK_TOKENS_FILE=str(file)) as service:
        yield service, file


@pytest.fixture
def signed(guarded: tuple[Service, Path]) -> Iterator[Signed]:
    """Give what signs in with a new token of the file."""
    service, file = guarded
    opened: list[httpx.Client] = []

    def client(**what: Any) -> httpx.Client:
        token = secrets.token_urlsafe(16)
        digest = sha256(token.encode()).hexdigest()
        entry = new_entry(secrets.token_hex(4), digest, **{"policy": {"ports": []}, **what})
        TokenFile.read(file).with_token(entry).write(file)
        headers = {"Authorization": f"Bearer {token}"}
        one = httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=60)
        opened.append(one)
        poll(lambda: one.get(f"{JOBS}/{'0' * 32}").status_code != 401)
        return one

    yield client
    for one in opened:
        one.close()


def test_i1_a_scan_by_single_tests_is_stopped(signed: Signed) -> None:
    """Ten ports a minute are no scan; a token says how many are."""
    scanner = signed(scopes=["test"], targets_per_minute=3)

    answers = [scanner.post(JOBS, json=a_request(f"127.0.0.1:{port}")) for port in range(1, 7)]

    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 3
    assert "hosts and ports" in answers[-1].json()["detail"]


def test_i23_a_batch_is_repeated_under_the_policy_of_the_token_that_repeats_it(
    signed: Signed,
) -> None:
    """The name is allowed; only the worker sees that it leads to an address that is not."""
    tenant = {"tenant": secrets.token_hex(4), "scopes": ["bulk", "read"]}
    narrow_policy = {"ports": [], "networks": ["10.0.0.0/8"]}
    wide, narrow = signed(**tenant), signed(**tenant, policy=narrow_policy)
    with socket.create_server(("127.0.0.1", 0)) as closed_port:
        endpoint = f"localhost:{closed_port.getsockname()[1]}"
    batch = submitted(wide, [{"productType": "tcp", "endpoint": endpoint}])
    assert finished(wide, batch)["causes"][0]["cause"] == "tcp.refused"

    again = narrow.post(f"{batch}/retry").json()["statusUrl"]

    assert finished(narrow, again)["causes"][0]["cause"] == "policy.network_blocked"


def test_i24_a_catalogue_of_the_caller_s_own_is_no_way_to_scan(signed: Signed) -> None:
    """What the platform names counts like what the caller names; a platform is not to blame."""
    scanner = signed(scopes=["test", "read"], targets_per_minute=2)
    with serving(hold) as service:
        elsewhere = [f"http://127.{n}.0.9:{service.port}" for n in range(1, 30)]
        keystone = Keystone(catalogue=[f"http://127.0.0.1:{service.port}", *elsewhere])
        with serving(keystone.serve) as server:
            request = a_request(f"http://127.0.0.1:{server.port}", productType="openstack")
            job = closed(scanner, scanner.post(JOBS, json=request).headers["location"])
        found = a_request(f"127.9.0.9:{service.port}", productType="tcp")
        again = scanner.post(JOBS, json=found)

    assert job["success"] is True
    last = job["items"][-1]
    assert (last["cause"], last["outcome"]) == ("policy.catalog_not_tested", "warning")
    verdicts = [row.rpartition(" ")[2] for row in last["evidence"]["endpoints"]]
    assert verdicts == ["reachable", *["policy.targets_rate"] * (MOST_PLACES - 1)]
    assert again.status_code == 429


def closed(client: httpx.Client, job: str) -> dict[str, Any]:
    """Return the job when it is over."""
    poll(lambda: client.get(f"{job}?wait=10").json()["finishedAt"])
    shown: dict[str, Any] = client.get(job).json()
    return shown


def test_i1_a_scan_by_a_batch_is_no_faster_than_the_token_s_rate(signed: Signed) -> None:
    """What a batch may hand out in a minute is what single tests may."""
    scanner = signed(scopes=["bulk", "read"], tests_per_minute=5)
    rows = [a_request(f"127.0.0.1:{port}") for port in range(1, 60)]

    batch = submitted(scanner, rows)
    poll(lambda: scanner.get(batch).json()["failed"] >= 5)

    shown = scanner.get(batch).json()
    assert shown["failed"] + shown["running"] <= 10
    assert scanner.delete(batch).status_code == 200


def test_i3_an_upload_is_bounded_in_items_depth_and_bytes(service: Service) -> None:
    """A body of 100,000 items, one of 100,000 brackets, a name a thousand times."""
    many = b'{"items":[' + b"{}," * 100_000 + b"{}]}"
    deep = b'{"items":[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"
    twice = b'{"items":[{' + b'"endpoint":"a",' * 1000 + b'"endpoint":"b"}]}'
    number = b'{"items":[{"productType":' + b"9" * 100_000 + b"}]}"
    with service.client() as client:
        for body in (many, deep, twice, number):
            answer = client.post(
                BATCHES, content=body, headers={"Content-Type": "application/json"}
            )

            assert answer.status_code in (202, 413, 422), answer.text
            assert len(answer.content) < 100_000
        single = client.post(CALL, content=deep, headers={"Content-Type": "application/json"})
    assert single.status_code == 422


def test_i25_refused_requests_have_a_rate_of_their_own(signed: Signed) -> None:
    """They count as no test, and cost the API what a test costs it."""
    careless, careful = signed(scopes=["test"], tests_per_minute=1), signed(scopes=["test"])

    # Where a minute ends in between, the next one begins at zero.
    answers = [careless.post(JOBS, json={"a": 0}) for _ in range(2 * PER_MINUTE + 1)]

    again = answers[-1]
    assert {answer.status_code for answer in answers} == {422, 429}
    assert (again.status_code, again.json()["type"]) == (429, "urn:conncheck:problem:rate-limited")
    assert int(again.headers["Retry-After"]) > 0
    assert careful.post(JOBS, json={"a": 0}).status_code == 422


@pytest.mark.parametrize(
    "cursor", ["-1", "9" * 30, "../x", "0 OR 1=1", "%00", "1\r\nX: y", "x" * 5000, "1e9", "\u0661"]
)
def test_i5_a_cursor_that_was_tampered_with_leads_nowhere_else(
    service: Service, cursor: str
) -> None:
    """Pages of a batch are its own."""
    with zstack_node() as (_, port), service.client() as client:
        batch = submitted(client, [a_request(f"127.0.0.1:{port}")])
        finished(client, batch)
        answer = client.get(f"{batch}/results", params={"cursor": cursor})

    assert answer.status_code in (200, 404, 422)
    if answer.status_code == 200:
        assert len(answer.json()["items"]) <= 1


@pytest.mark.parametrize(
    "job_id", ["0" * 32, "f" * 31, "../../x", "*", "%2e%2e", "0" * 5000, "conncheck:queued"]
)
def test_i5_a_guessed_job_id_finds_nothing(service: Service, job_id: str) -> None:
    """Whether it exists for somebody else or not, the answer is the same."""
    with service.client() as client:
        answers = [client.get(f"{JOBS}/{job_id}"), client.delete(f"{JOBS}/{job_id}")]

    assert {answer.status_code for answer in answers} <= {404, 405}


def test_i9_a_pickled_message_is_not_opened(service: Service, tmp_path: Path) -> None:
    """Whoever can write to the queue must not run code in a worker."""
    witness = tmp_path / "it-was-opened"
    body = b64encode(pickle.dumps(_Opens(str(witness)))).decode()
    message = {
        "body": body,
        "content-encoding": "binary",
        "content-type": "application/x-python-serialize",
        "headers": {"task": "conncheck.run_job", "id": "x", "lang": "py"},
        "properties": {
            "correlation_id": "x",
            "delivery_info": {"exchange": "", "routing_key": "interactive"},
            "delivery_tag": secrets.token_hex(8),
            "body_encoding": "base64",
        },
    }
    redis: Redis = service.redis()
    redis.lpush("interactive", json.dumps(message))
    poll(lambda: redis.llen("interactive") == 0)

    with zstack_node() as (_, port):
        after = service.test(f"127.0.0.1:{port}").json()
    assert after["success"] is True
    assert not witness.exists()


class _Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self._path, "w")


@pytest.mark.parametrize("message", [b"", b"{}", b"null", b"[]", b"\xff\xfe", b'{"body":5}'])
def test_i9_a_message_that_is_none_takes_no_worker_along(service: Service, message: bytes) -> None:
    """The queue goes on behind it."""
    redis: Redis = service.redis()
    redis.lpush("interactive", message)

    with zstack_node() as (_, port):
        assert service.test(f"127.0.0.1:{port}").json()["success"] is True


def test_i10_a_form_that_another_site_sends_is_refused(service: Service) -> None:
    """A browser sends these without asking first; and no GET has an effect."""
    body = json.dumps(a_request("127.0.0.1:1"))
    plain = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
    with trap() as listening, service.client() as client:
        url = f"http://127.0.0.1:{listening.port}"
        refused = [
            client.post(path, content=body, headers={"Content-Type": kind})
            for path in (CALL, JOBS)
            for kind in plain
        ]
        asked = [
            client.get(path, params={"productType": "zstack", "endpoint": url})
            for path in (CALL, JOBS, "/api/v1/platforms/inspect-certificate", BATCHES)
        ]

    assert {answer.status_code for answer in refused} == {415}
    assert {answer.status_code for answer in asked} <= {200, 404, 405, 422}  # 200 lists
    assert listening.caught == []


@pytest.mark.faults
def test_i11_a_killed_worker_leaves_no_secret_behind(tmp_path: Path) -> None:
    """At the sign-in it is not repeated, so the sealed request goes with the job."""
    with (
        running_service(tmp_path) as service,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        job = service.submit(f"http://127.0.0.1:{silent.getsockname()[1]}")
        opened, _ = silent.accept()
        service.kill("cli worker")
        opened.close()
        key = DEFAULT_KEYS.sealed(job.rpartition("/")[2])
        redis: Redis = service.redis()
        kept = redis.get(key)
        assert not isinstance(kept, str)
        expires_in_s = redis.ttl(key)
        silent.close()
        service.closed(job)
        left = redis.exists(key)

    assert not kept or (b"SECRET" not in kept and 0 < int(expires_in_s) < 86_400)
    assert left == 0


CSV = "name,productType,endpoint,accessKey,secretKey\n"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"PK\x03\x04" + bytes(1000), {"Content-Type": "application/zip"}),
        (b"\x1f\x8b" + bytes(1000), {"Content-Type": "text/csv", "Content-Encoding": "gzip"}),
        (b"PK\x03\x04" + bytes(1000), {"Content-Type": "text/csv"}),
        (b"\x1f\x8b" + bytes(1000), {"Content-Type": "application/json"}),
    ],
)
def test_i12_a_compressed_upload_is_not_unpacked(
    service: Service, content: bytes, headers: dict[str, str]
) -> None:
    """Kilobytes of it can be gigabytes."""
    with service.client() as client:
        answer = client.post(BATCHES, content=content, headers=headers)

    assert answer.status_code in (415, 422)


@pytest.mark.parametrize("name", ["empty cells in one row", "shared texts", "billion laughs"])
def test_i12_a_bomb_in_a_workbook_is_refused(service: Service, name: str) -> None:
    """Kilobytes of it can be gigabytes; tests/shared/uploads/workbooks has all of them."""
    with service.client() as client:
        answer = client.post(BATCHES, content=BOMBS[name](), headers={"Content-Type": XLSX})

    assert answer.status_code in (413, 422)
    assert "workbook" in answer.json()["detail"]


def test_i12_the_name_of_a_file_is_no_path(service: Service) -> None:
    """An uploaded file is read, and stored nowhere."""
    rows = f"{CSV}x,zstack,127.0.0.1:1,a,b\n"
    with service.client() as client:
        answers = [
            client.post(BATCHES, files={"file": (name, rows, "text/csv")})
            for name in ("../../etc/cron.d/x.csv", "/etc/passwd", "\\\\host\\x.csv", "a\x00.csv")
        ]

    assert {answer.status_code for answer in answers} <= {202, 422}
    assert not Path("/etc/cron.d/x.csv").exists()


def test_i12_a_formula_in_an_upload_stays_text(service: Service) -> None:
    """What a caller wrote comes out of the service as text, whoever opens it."""
    rows = f"{CSV}\"=cmd|' /C calc'!A0\",zstack,127.0.0.1:1,a,b\n"
    with service.client() as client:
        sent = client.post(BATCHES, content=rows, headers={"Content-Type": "text/csv"})
        batch = sent.headers["location"]
        finished(client, batch)
        shown = client.get(f"{batch}/results", headers={"Accept": "text/csv"}).text

    assert "'=cmd|" in shown
    assert "\n=cmd" not in shown


@pytest.mark.parametrize(
    "zone",
    ["../../../etc/passwd", "/etc/passwd", "Asia/Shanghai\x00", "x" * 10_000, "", "."],
)
def test_i13_a_time_zone_is_a_name_and_no_path(service: Service, zone: str) -> None:
    """Time zones are files; there are no schedules that could be abused beside them."""
    with service.client() as client:
        request = a_request("127.0.0.1:1", options={"timeZone": zone})
        answer = client.post(CALL, json=request)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "options.timeZone"


@pytest.mark.faults
def test_i14_five_thousand_hanging_targets_starve_nobody(tmp_path: Path) -> None:
    """A batch has workers of its own; whoever tests one platform meanwhile is not kept waiting."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=4096) as silent,
        running_service(tmp_path) as service,
        zstack_node() as (_, healthy),
        service.client() as client,
    ):
        port = silent.getsockname()[1]
        rows = [a_request(f"http://127.1.{n // 250}.{n % 250 + 1}:{port}") for n in range(5000)]
        batch = submitted(client, rows)
        with (
            service.redis() as redis
        ):  # the slots that they take; how many run is up to the machine
            poll(lambda: number_taken(redis) >= 100, within_s=60)
        beside = [service.test(f"127.0.0.1:{healthy}").json()["success"] for _ in range(11)]
        meanwhile = client.get(batch).json()
        still = service.is_ready()
        client.delete(batch)

    assert beside == [True] * 11
    assert still
    assert meanwhile["queued"] > 0  # behind all of them, the batch would be over first


@pytest.mark.parametrize(("proxies", "known"), [("", "127.0.0.1"), ("127.0.0.1", "192.0.2.66")])
def test_a_caller_is_known_by_its_address_unless_a_proxy_is_trusted(
    tmp_path: Path, proxies: str, known: str
) -> None:
    """Whoever calls from this machine could put any address into the audit log."""
    with running_service(tmp_path, CONNCHECK_TRUSTED_PROXIES=proxies) as service:
        with service.client() as client:
            client.headers["X-Forwarded-For"] = "192.0.2.66"
            client.post(CALL, json=a_request("127.0.0.1:1")).raise_for_status()

        poll(lambda: '"client"' in service.log_text())
        assert f'"client": "{known}"' in service.log_text().replace('":"', '": "')
