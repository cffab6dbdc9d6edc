# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
"""The texts of every face follow Accept-Language, and caches are told."""

from collections.abc import Iterator

import httpx
import pytest

from tests.running.service import CALL, Service, a_request, last_made, poll

CHINESE = {"Accept-Language": "zh-CN,en;q=0.5"}
JOBS, BATCHES = f"{CALL}/jobs", f"{CALL}/batches"
REFUSED = "拒绝了端口 9 上的连接"
REMEDY = "请确认 ZStack Cloud 正在 127.0.0.1 上运行"
ENDPOINT = "127.0.0.1:9"


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """Give a client that reads Chinese."""
    with service.client() as chinese:
        chinese.headers.update(CHINESE)
        yield chinese


@pytest.fixture
def job(client: httpx.Client) -> str:
    """Give the address of a job that fails."""
    url = str(client.post(JOBS, json=a_request(ENDPOINT)).headers["location"])
    poll(lambda: client.get(url).json()["finishedAt"])
    return url


@pytest.fixture
def batch(client: httpx.Client) -> str:
    """Give the address of a batch whose one item fails."""
    url = str(client.post(BATCHES, json={"items": [a_request(ENDPOINT)]}).headers["location"])
    poll(lambda: client.get(url).json()["finishedAt"])
    return url


def is_said_in(language: str, answer: httpx.Response) -> bool:
    return (answer.headers["content-language"], answer.headers["vary"]) == (
        language,
        "Accept-Language",
    )


def test_the_documented_call_answers_in_the_wanted_language(client: httpx.Client) -> None:
    """ErrorMsg and recommendation are what its users read."""
    chinese = client.post(CALL, json=a_request(ENDPOINT))
    english = client.post(CALL, json=a_request(ENDPOINT), headers={"Accept-Language": "en"})

    assert is_said_in("zh-CN", chinese)
    assert is_said_in("en", english)
    assert REFUSED in chinese.json()["items"][-1]["errorMsg"]
    assert REMEDY in chinese.json()["recommendation"]
    assert "refused the connection" in english.json()["items"][-1]["errorMsg"]


def test_a_job_is_shown_in_the_wanted_language(client: httpx.Client, job: str) -> None:
    """One job has readers of both languages; each gets an ETag of his own."""
    chinese, english = client.get(job), client.get(job, headers={"Accept-Language": "en"})
    unchanged = client.get(job, headers={"If-None-Match": chinese.headers["etag"]})
    other = client.get(job, headers={"If-None-Match": english.headers["etag"]})

    assert is_said_in("zh-CN", chinese)
    assert is_said_in("en", english)
    assert REFUSED in last_made(chinese.json())["summary"]
    assert REMEDY in chinese.json()["recommendation"]
    assert unchanged.status_code == 304
    assert is_said_in("zh-CN", unchanged)
    assert other.status_code == 200


def test_a_jobs_events_are_in_the_wanted_language(client: httpx.Client, job: str) -> None:
    """A page shows them as they come, beside what it read before."""
    events = client.get(f"{job}/events")

    assert is_said_in("zh-CN", events)
    assert REFUSED in events.text
    assert REMEDY in events.text


def test_a_cancelled_job_is_shown_in_the_wanted_language(client: httpx.Client, job: str) -> None:
    """It is the same job, whatever was asked of it."""
    answer = client.delete(job)

    assert is_said_in("zh-CN", answer)
    assert REFUSED in last_made(answer.json())["errorMsg"]


def test_a_batch_is_shown_in_the_wanted_language(client: httpx.Client, batch: str) -> None:
    """Its counts are sentences too."""
    chinese, events = client.get(batch), client.get(f"{batch}/events")
    english = client.get(batch, headers={"Accept-Language": "en"})

    assert is_said_in("zh-CN", chinese)
    assert is_said_in("zh-CN", events)
    assert chinese.json()["causes"][0]["text"] == "1 个中有 1 个：tcp.refused"
    assert '"1 个中有 1 个：tcp.refused"' in events.text
    assert english.json()["causes"][0]["text"] == "1 of 1: tcp.refused"


@pytest.mark.parametrize("format_", ["json", "ndjson", "csv"])
def test_a_batchs_results_are_in_the_wanted_language(
    client: httpx.Client, batch: str, format_: str
) -> None:
    """The table goes on to those who mend the platforms."""
    answer = client.get(f"{batch}/results", params={"format": format_})

    assert is_said_in("zh-CN", answer)
    assert REFUSED in answer.text
    assert REMEDY in answer.text
