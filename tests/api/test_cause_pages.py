import asyncio
import re
from collections.abc import Mapping
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from api.cause_pages import explain_causes
from api.page_routes import HEADERS
from api.problems import answer_with_problems
from shared.diagnosis.catalogue import CAUSES_PATH, catalogue, doc_url
from shared.diagnosis.translations import translations

CHINESE = {"Accept-Language": "zh-CN"}
VOID = ("meta", "link")


def api() -> FastAPI:
    """Return an API that explains causes and nothing else."""
    app = FastAPI(docs_url=None)
    explain_causes(app)
    answer_with_problems(app)
    return app


API = api()


def ask(
    path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Return the answer to one request."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(API)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get(path, params=params, headers=headers)

    return asyncio.run(asked())


class Page(HTMLParser):
    """The elements of a page, each of which must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("headers", [{}, CHINESE])
def test_every_cause_has_a_page_that_is_whole_and_runs_nothing(headers: dict[str, str]) -> None:
    """Its texts have angle brackets and quotation marks, and none is markup."""
    for code in catalogue():
        answer = ask(f"{CAUSES_PATH}/{code}", headers=headers)
        page = Page(answer.text)

        assert (answer.status_code, page.open, page.inline) == (200, [], [])
        assert {"script", "style", "iframe", "form"}.isdisjoint(page.tags)
        assert page.tags.count("h1") == 1
        assert all(link.startswith("/") for link in page.links)
        assert not re.search(r"\{\w+\}", answer.text)


def test_a_page_says_what_it_means_what_to_do_and_who_can() -> None:
    """Whoever follows a report's link has only the code."""
    answer = ask(f"{CAUSES_PATH}/tls.expired")

    assert "<title>tls.expired" in answer.text
    assert "The certificate of <var>host</var> expired on <var>date</var>" in answer.text
    assert "Renew the certificate of <var>host</var>" in answer.text
    assert "the platform&#x27;s administrator" in answer.text
    assert f"{CAUSES_PATH}/tls.chain_expired?lang=en" in Page(answer.text).links
    assert f"{CAUSES_PATH}/tls.expired?lang=zh-CN" in Page(answer.text).links


def test_a_page_is_in_the_language_that_is_chosen_or_preferred() -> None:
    """A link can be sent to a colleague whose browser prefers another one."""
    path = f"{CAUSES_PATH}/tls.expired"
    preferred = ask(path, headers=CHINESE)
    chosen = ask(path, params={"lang": "zh-CN"}, headers={"Accept-Language": "en"})
    english = ask(path, params={"lang": "en"}, headers=CHINESE)

    remedy = translations("zh-CN")["causes"]["tls.expired"]["remedies"][0].partition("{")[0]
    assert remedy in preferred.text
    assert preferred.text == chosen.text
    assert '<html lang="zh-CN">' in chosen.text
    assert chosen.headers["content-language"] == "zh-CN"
    assert '<html lang="en">' in english.text


def test_the_index_leads_to_every_cause() -> None:
    """It is where one looks a code up."""
    answer = ask(CAUSES_PATH)
    page = Page(answer.text)

    assert page.open == []
    assert {f"{doc_url(code)}?lang=en" for code in catalogue()} <= set(page.links)


@pytest.mark.parametrize(
    "code", ["tls.unheard_of", "TLS.EXPIRED", "tls", "<script>alert(1)</script>", "x" * 5000, "%00"]
)
def test_an_unknown_code_is_not_found_and_not_repeated(code: str) -> None:
    """What a link contains is no text of ours."""
    answer = ask(f"{CAUSES_PATH}/{code}")

    assert answer.status_code == 404
    assert "script" not in answer.text
    assert len(answer.text) < 1000


def test_programs_get_json() -> None:
    """A portal shows the texts in a place of its own."""
    asked = {"Accept": "application/json"}
    one = ask(f"{CAUSES_PATH}/tls.expired", headers=asked)
    every = ask(CAUSES_PATH, headers=asked)

    cause = catalogue()["tls.expired"]
    assert one.json()["owner"] == cause.owner
    assert one.json()["docUrl"] == "/docs/causes/tls.expired"
    assert len(one.json()["remedies"]) == len(cause.remedies)
    assert "tls.self_signed" in one.json()["related"]
    assert one.json() in every.json()["items"]
    assert len(every.json()["items"]) == len(catalogue())


def test_a_page_may_be_kept_and_runs_under_the_pages_policy() -> None:
    """The texts change with the version alone."""
    first = ask(f"{CAUSES_PATH}/tls.expired")
    again = ask(f"{CAUSES_PATH}/tls.expired", headers={"If-None-Match": first.headers["etag"]})
    other = ask(f"{CAUSES_PATH}/tls.expired", params={"lang": "zh-CN"})

    assert first.headers["cache-control"] == "public, max-age=3600"
    assert first.headers["vary"] == "Accept, Accept-Language"
    policy = "Content-Security-Policy"
    assert first.headers[policy] == HEADERS[policy]
    assert (again.status_code, again.content) == (304, b"")
    assert other.headers["etag"] != first.headers["etag"]


def test_a_cause_that_this_version_does_not_know_has_no_page() -> None:
    """A newer worker has found it."""
    assert doc_url("tls.expired") == "/docs/causes/tls.expired"
    assert (doc_url("tls.unheard_of"), doc_url(None)) == (None, None)


def test_what_a_comparison_finds_is_not_called_a_warning_of_a_test() -> None:
    """No test goes on after it."""
    answer = ask(f"{CAUSES_PATH}/sites.names_differ")

    assert "A comparison of sites finds this" in answer.text
    assert "This is a warning" not in answer.text
