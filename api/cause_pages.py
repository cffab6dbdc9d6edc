"""Explain every cause on a page of its own, built from the catalogue; no token is needed."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from http import HTTPStatus
from itertools import groupby
from typing import Annotated

from fastapi import FastAPI, Header, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response

from api.language import LanguageDep, headers_of, language_of
from api.page_routes import HEADERS
from api.problems import ApiProblemError
from shared.diagnosis.catalogue import CAUSES_PATH, catalogue, doc_url
from shared.diagnosis.causes import Cause, Owner
from shared.diagnosis.outcomes import in_plural
from shared.diagnosis.translations import Language, sentence, translations

MAX_AGE_S = 3600
"""How long a page may be kept: the texts change with the version of the service alone."""
LONGEST_CHOICE = 20  # of a language

_NAME = re.compile(r"\{(\w+)\}")
_OWNERS: dict[Owner, str] = {
    "caller": "you, who run the test",
    "network": "the network team",
    "platform": "the platform's administrator",
    "us": "the operators of this service",
}

Choice = Annotated[str | None, Query(max_length=LONGEST_CHOICE)]
Accept = Annotated[str | None, Header()]
Tag = Annotated[str | None, Header(alias="If-None-Match")]


def explain_causes(app: FastAPI) -> None:
    """Let `app` explain the causes at /docs/causes, and each one below."""

    @app.get(CAUSES_PATH, include_in_schema=False)
    async def all_causes(
        language: LanguageDep, lang: Choice = None, accept: Accept = None, known: Tag = None
    ) -> Response:
        return _response(None, language_of(lang) if lang else language, accept, known)

    @app.get(f"{CAUSES_PATH}/{{code}}", include_in_schema=False)
    async def one_cause(
        code: str,
        language: LanguageDep,
        lang: Choice = None,
        accept: Accept = None,
        known: Tag = None,
    ) -> Response:
        if code not in catalogue():
            raise ApiProblemError(
                HTTPStatus.NOT_FOUND, "There is no such cause.", kind="no-such-cause"
            )
        return _response(code, language_of(lang) if lang else language, accept, known)


def _response(
    code: str | None, language: Language, accept: str | None, known: str | None
) -> Response:
    """Return the page of a cause, or of all; as JSON for those who ask for that alone."""
    is_json = "json" in (accept or "") and "html" not in (accept or "")
    told = _facts_of(code, language) if is_json else _page(code, language)
    tag = f'"{sha256(repr(told).encode()).hexdigest()[:32]}"'
    headers = {
        **HEADERS,
        **headers_of(language),
        "Vary": "Accept, Accept-Language",
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
        "ETag": tag,
    }
    if known and tag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if isinstance(told, str):
        return HTMLResponse(told, headers=headers)
    return JSONResponse(told, headers=headers)


@cache
def _facts_of(code: str | None, language: Language) -> dict[str, object]:
    if code is None:
        return {"items": [_facts_of(one, language) for one in catalogue()]}
    cause = catalogue()[code]
    summary, remedies = _texts(cause, language)
    return {
        "code": code,
        "docUrl": doc_url(code),
        "owner": cause.owner,
        "severity": cause.severity,
        "field": cause.field,
        "summary": summary,
        "remedies": list(remedies),
        "related": [one.code for one in _related(cause)],
    }


def _texts(cause: Cause, language: Language) -> tuple[str, Sequence[str]]:
    """Return the templates of a cause's texts, for those who read them unfilled."""
    told = translations(language)["causes"].get(cause.code)
    summary, remedies = (
        (told["summary"], told["remedies"]) if told else (cause.summary, cause.remedies)
    )
    return in_plural(summary), [in_plural(remedy) for remedy in remedies]


def _related(cause: Cause) -> Sequence[Cause]:
    """Return the other causes of the same family, such as tls."""
    family = _family(cause)
    return [one for one in catalogue().values() if _family(one) == family and one is not cause]


def _family(cause: Cause) -> str:
    return cause.code.partition(".")[0]


@cache
def _page(code: str | None, language: Language) -> str:
    """Return the page in HTML; the texts are the service's own, and escaped all the same."""
    body = _explained(catalogue()[code], language) if code else _listed(language)
    title = code or sentence(language, "Causes of failures")
    other: Language = "en" if language == "zh-CN" else "zh-CN"
    name = {"en": "English", "zh-CN": "\u4e2d\u6587"}[other]
    path = f"{CAUSES_PATH}/{code}" if code else CAUSES_PATH
    links = f'<a href="{path}?lang={other}" hreflang="{other}" lang="{other}">{name}</a>'
    if code:
        every = sentence(language, "All causes")
        links = f'<a href="{CAUSES_PATH}?lang={language}">{escape(every)}</a>' + links
    return "".join(
        (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)} - conncheck</title>",
            '<link rel="icon" href="/page/icon.svg"><link rel="stylesheet" href="/page/look.css">',
            '</head><body><header class="top"><div><span class="wordmark">conncheck</span>',
            f'<nav>{links}</nav></div></header><main><article class="card cause">',
            *body,
            "</article></main></body></html>",
        )
    )


def _explained(cause: Cause, language: Language) -> Iterator[str]:
    def said(english: str) -> str:
        return escape(sentence(language, english))

    summary, remedies = _texts(cause, language)
    yield f"<h1><code>{escape(cause.code)}</code></h1>"
    yield f'<p class="summary">{_shown(summary)}</p>'
    yield f"<h2>{said('What to do')}</h2><ol>"
    yield from (f"<li>{_shown(remedy)}</li>" for remedy in remedies)
    yield f"</ol><h2>{said('Who can fix it')}</h2><p>{said(_OWNERS[cause.owner])}</p>"
    if cause.field:
        yield f"<h2>{said('Field of the request')}</h2><p><code>{escape(cause.field)}</code></p>"
    if cause.is_of_comparison:
        yield f"<p>{said('A comparison of sites finds this; it is no step of a test.')}</p>"
    elif cause.severity == "warning":
        yield f"<p>{said('This is a warning: the test goes on and can pass.')}</p>"
    note = (
        "A test fills in the names in italics; a part in brackets is told if it is known, and of "
        "several between bars the first that is."
    )
    yield f'<p class="about">{said(note)}</p>'
    if related := _related(cause):
        yield f"<h2>{said('Related causes')}</h2>{_links(related, language)}"


def _listed(language: Language) -> Iterator[str]:
    yield f"<h1>{escape(sentence(language, 'Causes of failures'))}</h1>"
    for family, causes in groupby(catalogue().values(), _family):
        yield f"<h2>{escape(family)}</h2>{_links([*causes], language)}"


def _links(causes: Sequence[Cause], language: Language) -> str:
    items = (
        f'<li><a href="{CAUSES_PATH}/{escape(one.code)}?lang={language}">'
        f"<code>{escape(one.code)}</code></a> {_shown(_texts(one, language)[0])}</li>"
        for one in causes
    )
    return f"<ul>{''.join(items)}</ul>"


def _shown(template: str) -> str:
    """Return a template as HTML, with the names of facts in italics."""
    return _NAME.sub(lambda named: f"<var>{named[1].replace('_', ' ')}</var>", escape(template))
