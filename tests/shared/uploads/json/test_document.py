import json
import re
from typing import Any

import ijson
import pytest

from shared.bounds import MAX_DEPTH
from shared.uploads import MAX_ROW_BYTES
from tests.shared.uploads.uploading import CANARY, CUTS, JSON, broken, contents, error, problems


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def test_the_fast_parser_is_the_one_that_runs() -> None:
    """The one in Python is ten times slower, and its limits are others."""
    assert ijson.backend == "yajl2_c"


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        (None, {"force": True, "tls": {"verify": False}, "timeZone": "UTC"}),
        ({}, {"force": True, "tls": {"verify": False}, "timeZone": "UTC"}),
        ({"force": False}, {"force": False, "tls": {"verify": False}, "timeZone": "UTC"}),
        (
            {"tls": {"caCertificate": "PEM"}},
            {"force": True, "tls": {"verify": False, "caCertificate": "PEM"}, "timeZone": "UTC"},
        ),
        ({"tls": None}, {"force": True, "tls": None, "timeZone": "UTC"}),
        ([1], [1]),
    ],
)
def test_options_of_the_document_are_what_an_item_does_not_say(own: Any, merged: Any) -> None:
    """One setting for a hundred platforms; what is wrong stays for the validation to find."""
    item = {"name": "a"} if own is None else {"name": "a", "options": own}
    options = {"force": True, "tls": {"verify": False}, "timeZone": "UTC"}
    body = json.dumps({"options": options, "items": [item, {"name": "b"}]}).encode()

    first, second = contents(body, JSON)

    assert first == {"name": "a", "options": merged}
    assert second == {"name": "b", "options": options}


def test_an_item_without_options_gets_none_where_the_document_has_none() -> None:
    """What was sent is what is validated."""
    assert contents(b'{"items": [{"name": "a"}]}', JSON) == [{"name": "a"}]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the document, before items: is not valid JSON"),
        (b"[]", "The upload has no rows."),
        (b"[{}, {}", "items[2]: is not valid JSON"),
        (b"7", "The document must be a JSON object"),
        (b"{}", "items: is required."),
        (b'{"options": {}}', "items: is required."),
        (b'{"items": {}}', "items: must be a JSON array."),
        (b'{"items": null}', "items: must be a JSON array."),
        (b'{"options": [], "items": [{}]}', "options: must be a JSON object."),
        (b'{"options": 1, "items": [{}]}', "options: must be a JSON object."),
        (b'{"options": {"a": 1, "a": 2}, "items": [{}]}', "options: contains the same name twice."),
        (b'{"options": {}, "options": {}, "items": []}', "options: occurs twice in the document."),
        (b'{"items": [{}], "items": [{}]}', "items: occurs twice in the document."),
        (b'{"items": [{}], "options": {}}', "options: must come before items."),
        (
            b'{"CANARY": {}, "items": [{}]}',
            "the document, before items: the document may contain only options",
        ),
        (
            b'{"items": [{}, {}], "CANARY": [1]}',
            "after items[1]: the document may contain only options",
        ),
        (b'{"page": %s, "items": [{}]}' % nested(MAX_DEPTH + 1), "is nested deeper than 16"),
        (b'{"options": {"CANARY": tru}}', "options: is not valid JSON"),
        (b'{"items": [{}, {"CANARY": tru}]}', "items[1]: is not valid JSON"),
        (b'{"items": [{}, {"a": 1, }]}', "items[1]: is not valid JSON"),
        (b'{"items": [{}, {"CANARY": NaN}]}', "items[1]: is not valid JSON"),
        (b'{"items": [{"a": 1e999}]}', "items[0]: is not valid JSON"),
        (b'{"items": [{"a": -1e999}]}', "items[0]: is not valid JSON"),
        (b'{"items": [{"a": %s}]}' % (b"9" * 5000), "contains a number that is too large"),
        (b'{"items": [{"a": %s.5}]}' % (b"9" * 5000), "contains a number that is too large"),
        (b'{"items": [{"a": "\xff CANARY"}]}', "items[0]: is not valid JSON in UTF-8"),
        (b'{"items": [{"a": "\xed\xa0\x80"}]}', "items[0]: is not valid JSON in UTF-8"),
        (b'{"items": [{"a": "CANARY \x00"}]}', "items[0]: is not valid JSON"),
        (b'{"items": [{"a": "CANARY\n"}]}', "items[0]: is not valid JSON"),
        (b'{"items": [{}, {"CANARY": 1', "items[1]: is not valid JSON"),
        (b'{"items": [{}]', "after items[0]: is not valid JSON"),
        (b'{"items": [{}]} CANARY', "after items[0]: is not valid JSON"),
        (b'{"items": [{}]}{"items": [{}]}', "after items[0]: is not valid JSON"),
        (b'{"items": [{}, %s]}' % nested(MAX_DEPTH + 1), "items[1]: is nested deeper than 16"),
        (b'{"items": [{}, {%s}]}' % (b'"a":[0],' * 500), "items[1]: has more than 256 members"),
        (b'{"options": {"a": [%s]}}' % (b"0," * 500), "options: has more than 256 members"),
        (b'{"items": [%s' % (b"[" * 100_000), "items[0]: is nested deeper than 16 levels."),
        (b'{"options": %s' % (b'{"a":' * 100_000), "options: is nested deeper than 16 levels."),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_a_document_that_is_not_one_of_ours_is_refused(body: bytes, detail: str, size: int) -> None:
    """The sentence says where, and repeats nothing."""
    said = error(body.replace(b"CANARY", CANARY.encode()), JSON, size)

    assert detail in said.detail
    assert said.kind == "invalid-request"


def test_what_stands_before_the_fault_is_read() -> None:
    """A stream can't take back what it gave; the caller must."""
    found, said = broken(b'{"items": [{"ref": 1}, {"ref": 2}, {"ref": }]}', JSON)

    assert [row.content for row in found] == [{"ref": 1}, {"ref": 2}]
    assert said.detail.startswith("items[2]: ")


def test_the_deepest_that_is_allowed_is_read() -> None:
    """The limit is for attackers."""
    assert len(contents(b'{"items": [%s]}' % nested(MAX_DEPTH), JSON)) == 1


def test_an_item_that_is_no_object_spoils_only_itself() -> None:
    """The other platforms can still be tested."""
    body = b'{"items": [{}, 1, null, [{}], "x", {"a": {"b": 1, "b": 2}}, {"a": 1}]}'

    assert problems(body, JSON) == [
        ("items[0]", None),
        ("items[1]", "is not a JSON object"),
        ("items[2]", "is not a JSON object"),
        ("items[3]", "is not a JSON object"),
        ("items[4]", "is not a JSON object"),
        ("items[5]", "contains the same name twice"),
        ("items[6]", None),
    ]


def test_numbers_are_what_the_single_call_makes_of_them() -> None:
    """A Decimal would fit no option."""
    (content,) = contents(b'{"items": [{"options": {"a": 1.5, "b": 20, "c": [1e2, -0.5]}}]}', JSON)

    assert content == {"options": {"a": 1.5, "b": 20, "c": [100.0, -0.5]}}
    assert [type(content["options"][name]) for name in "ab"] == [float, int]


@pytest.mark.parametrize("offset", range(30))
@pytest.mark.parametrize(
    "escape",
    [
        rb"\ud800",
        rb"\uDBFFx",
        rb"\ud83d\ud83d\ude00",
        rb"\ud83d\n",
        rb"\\\ud83d",
        rb"\udc00",
        rb"\ude00\ud83d",
    ],
)
def test_half_a_character_is_refused_and_not_replaced(escape: bytes, offset: int) -> None:
    """The library makes a question mark of it, also in a secret key."""
    begin = b'{"items": [{}, {"a": "'
    filler = b"x" * (4096 - len(begin) - offset)
    found, said = broken(begin + filler + escape + b'"}, {}]}', JSON)

    assert said.detail.startswith("items[1]: is not valid JSON in UTF-8")
    assert len(found) == 1


@pytest.mark.parametrize("offset", range(30))
@pytest.mark.parametrize("escape", [r"\ud83d\ude00", r"\\ud83d", r"\\\\ud800\n", r"\"\ud83D\uDE00"])
def test_an_escape_is_read_wherever_it_is_cut(escape: str, offset: int) -> None:
    """Python's json writes every emoji this way."""
    begin = '{"items": [{"ref": "'
    text = "x" * (4096 - len(begin) - offset) + escape

    assert contents(f'{begin}{text}"}}]}}'.encode(), JSON) == [{"ref": json.loads(f'"{text}"')}]


@pytest.mark.parametrize("size", [1000, 10_000_000])
def test_an_item_may_be_as_long_as_the_limit_and_hardly_longer(size: int) -> None:
    """Within the 4096 bytes that are parsed at a time."""
    allowed = b'{"items": [{}, {"a": "%s"}, {}]}' % (b"x" * (MAX_ROW_BYTES - 8))
    too_long = b'{"items": [{}, {"a": "%s"}, {}]}' % (b"x" * (MAX_ROW_BYTES + 9000))

    assert len(contents(allowed, JSON, size)) == 3
    found, said = broken(too_long, JSON, size)
    assert len(found) == 1
    assert said.kind == "too-large"
    assert re.fullmatch(r"items\[1\]: is longer than 262144 bytes\.", said.detail)
