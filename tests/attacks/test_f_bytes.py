"""F: servers that send what no parser wants to see.

Each ends in a verdict of its own within its budget, keeps little, shows nothing that moves a
cursor, and is never taken for a bug of ours. test_f_neighbours.py has all of them at once.
"""

import json
from collections.abc import Iterable

import pytest

from shared.text import is_hidden
from tests.attacks.traps.attacking import SECRET, Story, attacked
from tests.attacks.traps.hostile import HTTP, PAYLOAD
from tests.attacks.traps.trap import trap
from tests.network.servers import Script, answering, reply, serving

BUDGET_S = 1.0
MOST_KEPT = 20_000


def each(*ids: str) -> pytest.MarkDecorator:
    """Return the mark that runs a test with each server of an attack."""
    scripts = [pytest.param(one, id=f"{i}-{n}") for i in ids for n, one in enumerate(HTTP[i])]
    return pytest.mark.parametrize("script", scripts)


def met(script: Script) -> Story:
    """Return what a worker makes of a server, after what holds for all of them."""
    with serving(script) as server:
        story = attacked(f"http://127.0.0.1:{server.port}", budget_s=BUDGET_S)
    assert story.cause != "self.internal_error"
    assert SECRET not in story.shown
    assert len(story.shown) < MOST_KEPT
    assert not any(is_hidden(character) for text in _texts(story) for character in text)
    return story


def _texts(story: Story) -> Iterable[str]:
    for entry in story.ended:
        yield from _strings(json.loads(entry.model_dump_json()))


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


@each("F1")
def test_f1_an_endless_body_is_cut_off(script: Script) -> None:
    """It would fill the memory of a worker that 200 tests share."""
    assert met(script).cause == "http.too_large"


@each("F2")
def test_f2_endless_headers_are_cut_off(script: Script) -> None:
    """Many, or one without an end."""
    assert met(script).cause == "http.headers_too_large"


@each("F3")
def test_f3_a_server_that_drips_ends_at_the_budget(script: Script) -> None:
    """Each byte comes within any timeout of a single read."""
    story = met(script)

    assert story.cause in ("http.header_timeout", "http.body_timeout", "job.budget_exhausted")


@each("F4")
def test_f4_a_compressed_bomb_is_not_unpacked(script: Script) -> None:
    """No encoding was asked for, and what comes all the same stays as it is."""
    assert met(script).cause


@each("F5")
def test_f5_a_bomb_in_a_redirect_is_not_unpacked_either(script: Script) -> None:
    """Clients that follow redirects drain the body first."""
    assert met(script).cause


@each("F6")
def test_f6_nonsense_in_chunks_is_no_answer(script: Script) -> None:
    """Sizes that are negative, endless or none, trailers and extensions without an end."""
    assert met(script).cause in ("http.malformed", "http.headers_too_large", "http.truncated")


@each("F7")
def test_f7_lengths_that_contradict_each_other_are_no_answer(script: Script) -> None:
    """Two parsers would see two answers."""
    assert met(script).cause in ("http.malformed", "http.truncated")


@each("F8")
def test_f8_an_answer_without_a_status_line_is_no_answer(script: Script) -> None:
    """HTTP/0.9 has none."""
    assert met(script).cause in ("http.malformed", "http.not_http")


@each("F9")
def test_f9_endless_interim_responses_are_cut_off(script: Script) -> None:
    """Each is a whole response, and none the last."""
    assert met(script).cause == "http.headers_too_large"


@each("F10")
def test_f10_a_switch_of_protocols_is_not_made(script: Script) -> None:
    """Nobody asked for it."""
    assert met(script).cause


@each("F11")
def test_f11_floods_of_http_2_are_no_http_1(script: Script) -> None:
    """HTTP/2 is never offered, so its frames are not read as such."""
    assert met(script).cause


@each("F12")
def test_f12_text_in_no_encoding_is_shown_as_replacements(script: Script) -> None:
    """Whatever charset it claims to be."""
    met(script)


@each("F13")
def test_f13_json_beyond_all_bounds_is_an_unexpected_answer(script: Script) -> None:
    """Depth, digits, names that come twice: Python gives up in three different ways."""
    met(script)


@each("F14")
def test_f14_xml_with_entities_is_not_expanded_and_fetches_nothing(script: Script) -> None:
    """A billion laughs are nine kilobytes, and an external entity is a request of ours."""
    story = met(script)

    assert "root:" not in story.shown
    assert "lollol" not in story.shown


def test_f14_an_external_document_type_is_not_fetched() -> None:
    """Neither for the document nor for a part of it."""
    with trap() as listening:
        url = f"http://127.0.0.1:{listening.port}/x.dtd"
        xml = f'<!DOCTYPE a SYSTEM "{url}"><a xmlns:x="{url}"/>'.encode()
        script = answering(*[reply(xml, "Content-Type: application/xml")] * 4)
        met(script)

    assert listening.caught == []


@each("F15")
def test_f15_no_cookie_is_kept_or_sent(script: Script) -> None:
    """A flood of them costs nothing, and none goes to another host or job."""
    with serving(script) as server:
        attacked(f"http://127.0.0.1:{server.port}", budget_s=BUDGET_S)
        attacked(f"http://127.0.0.1:{server.port}", budget_s=BUDGET_S)

    assert server.requests
    assert not any(b"\r\ncookie:" in request.lower() for request in server.requests)


@each("F16")
def test_f16_what_moves_a_terminal_or_forges_a_line_is_neutralised(script: Script) -> None:
    """In evidence and in sentences; test_f_exits.py has the ways out of the service."""
    story = met(script)

    assert PAYLOAD not in story.shown


@each("F17")
def test_f17_a_retry_after_of_years_is_waited_for_by_nobody(script: Script) -> None:
    """The server says when to come back; a test does not."""
    story = met(script)

    assert story.cause not in ("", "job.budget_exhausted")


@each("F18")
def test_f18_bait_for_backtracking_takes_no_time(script: Script) -> None:
    """Our fingerprints are looked for in whatever a server says."""
    assert met(script).computed_s < BUDGET_S
