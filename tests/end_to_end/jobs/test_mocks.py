"""Mock answers: every answer there is, from an API that has neither Redis nor workers."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest

from cli.service.up import free_port
from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.entries import StepEnded
from shared.diagnosis.outcomes import named_in
from shared.mock.facts import ADVISED, KNOWN, MOCK_FACTS
from shared.mock.story import mock_story
from shared.sealing import new_key_pair
from tests.running.service import CALL, a_request, last_made, poll, start

TOKEN = "mock-token"
JOBS = f"{CALL}/jobs"
REFUSED = [code for code in catalogue() if code.startswith("input.")]
FAILURES = [
    c.code for c in catalogue().values() if c.severity == "failed" and c.code not in REFUSED
]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Give a client of an API that can reach nothing."""
    port = free_port("127.0.0.1")
    settings = {
        "CONNCHECK_REDIS_URL": "redis://127.0.0.1:1/0",
        "CONNCHECK_SEALING_PUBLIC_KEY": new_key_pair()[1],
        "CONNCHECK_TOKENS": f"alice:{TOKEN}",
    }
    with (
        start(["api", "--port", str(port)], settings) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=10,
        ) as client,
    ):
        poll(lambda: is_alive(client))
        yield client
        process.terminate()
        process.wait(30)


def is_alive(client: httpx.Client) -> bool:
    """Return whether the API listens."""
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def mocked(mock: str) -> dict[str, Any]:
    """Return a request for a mock answer."""
    return a_request("192.0.2.1:8080", options={"mock": mock})


def test_a_healthy_mock_passes_every_step_and_is_marked(client: httpx.Client) -> None:
    """A client can be written before the first platform is there."""
    answer = client.post(CALL, json=mocked("healthy"))

    assert answer.status_code == 200
    assert answer.headers["conncheck-mock"] == "true"
    assert answer.json()["success"] is True
    assert [item["status"] for item in answer.json()["items"]] == ["success"] * 7


@pytest.mark.parametrize("code", FAILURES)
def test_each_cause_has_an_answer_with_all_its_words(client: httpx.Client, code: str) -> None:
    """A brace that is left over would be the first thing that a client developer sees."""
    answer = client.post(CALL, json=mocked(code)).json()

    *passed, failed = answer["items"]
    assert answer["success"] is False
    assert {item["status"] for item in passed} <= {"success"}
    assert failed["status"] == "failure"
    assert failed["errorMsg"]
    assert answer["recommendation"]
    assert not re.search(r"[{}\[\]]", failed["errorMsg"] + answer["recommendation"])


@pytest.mark.parametrize("code", REFUSED)
def test_what_a_request_is_refused_for_is_a_marked_problem(client: httpx.Client, code: str) -> None:
    """Such a cause never gets as far as a step."""
    if catalogue()[code].severity == "warning":
        answer = client.post(CALL, json=mocked(code))
        assert answer.json()["success"] is True
        return
    answer = client.post(CALL, json=mocked(code))

    assert answer.status_code == 422
    assert answer.headers["conncheck-mock"] == "true"
    assert answer.json()["errors"][0]["cause"] == code


def test_every_name_in_a_text_has_a_made_up_fact() -> None:
    """Else the mock of that cause breaks; add the name to shared/mock/facts.py.

    What stands in brackets may be unknown.
    """
    texts = [text for cause in catalogue().values() for text in (cause.summary, *cause.remedies)]
    told = re.sub(r"\[[^][]*\]", "", " ".join(texts))

    assert named_in(told) <= {*MOCK_FACTS, *KNOWN, *ADVISED}


@pytest.mark.parametrize("code", ["tls.hostname_mismatch", "tls.ip_not_in_san"])
def test_a_mock_advises_a_name_that_its_certificate_is_for(code: str) -> None:
    """It is the first picture of the README, and advice that is wrong costs trust."""
    (*_, ended, _) = [entry for _, entry in mock_story(f"mock-{code}", "me")]
    assert isinstance(ended, StepEnded)
    found = ended.causes[0]

    advised = found.remedies[0].rpartition(": ")[2].removesuffix(".")
    assert advised in cast("tuple[str, ...]", found.facts["valid_for"])


def test_a_mock_job_shows_the_detail_and_streams_its_steps(client: httpx.Client) -> None:
    """The job faces have more to show than the documented answer."""
    accepted = client.post(JOBS, json=mocked("tls.expired"))
    url = accepted.headers["location"]
    shown = client.get(url)
    events = client.get(f"{url}/events")

    assert accepted.status_code == 202
    assert {a.headers["conncheck-mock"] for a in (accepted, shown, events)} == {"true"}
    assert last_made(shown.json())["cause"] == "tls.expired"
    kinds = re.findall(r"event: (\w+)", events.text)
    assert kinds == ["queued", "started", *["step_started", "step_ended"] * 3, "closed"]
    assert json.loads(re.findall("data: (.*)", events.text)[-1])["success"] is False


def test_a_mock_stream_can_be_taken_up_again(client: httpx.Client) -> None:
    """A client's way to resume can be tried too."""
    events = client.get(f"{JOBS}/mock-healthy/events", headers={"Last-Event-ID": "1-16"})

    assert re.findall(r"id: (\S+)", events.text) == ["1-17"]


def test_a_mock_can_be_told_in_another_language(client: httpx.Client) -> None:
    """What the page shows is what a reader of the other language will see."""
    chinese = {"Accept-Language": "zh-CN"}
    answer = client.post(CALL, json=mocked("tcp.refused"), headers=chinese)
    events = client.get(f"{JOBS}/mock-tcp.refused/events", headers=chinese)

    assert "拒绝" in answer.json()["items"][-1]["errorMsg"]
    assert {a.headers["content-language"] for a in (answer, events)} == {"zh-CN"}


def test_a_mock_is_over_for_whoever_waits_a_little(client: httpx.Client) -> None:
    """A test that ends within the wait is answered with its verdict, not with a 202."""
    waiting = {"Prefer": "respond-async, wait=5"}
    answer = client.post(CALL, json=mocked("healthy"), headers=waiting)
    accepted = client.post(CALL, json=mocked("healthy"), headers={"Prefer": "respond-async"})

    assert (answer.status_code, answer.json().get("success")) == (200, True)
    assert accepted.status_code == 202
    assert accepted.headers["location"] == f"{JOBS}/mock-healthy"


def test_an_unknown_mock_is_refused(client: httpx.Client) -> None:
    """A typing error must not have a platform tested."""
    answer = client.post(CALL, json=mocked("tcp.refuse"))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "options.mock"


@pytest.mark.parametrize("job_id", ["mock-", "mock-tcp.refuse", "mock-../x", "mock-*"])
def test_what_names_no_mock_is_no_job(client: httpx.Client, job_id: str) -> None:
    """The id comes from outside."""
    assert client.get(f"{JOBS}/{job_id}").status_code == 404


def test_without_a_mock_the_same_api_can_do_nothing(client: httpx.Client) -> None:
    """It has no Redis: the answers above were made without one."""
    assert client.post(CALL, json=a_request("192.0.2.1:8080")).status_code == 503
