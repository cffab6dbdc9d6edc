# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
import ast
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import get_args

import pytest

import api
import shared
from api import cause_pages
from api.access import rate
from api.batches.errors import WhyNot
from shared.diagnosis import report
from shared.diagnosis.outcomes import Failed, named_in
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import translations
from shared.endpoint import parse_endpoint
from shared.platform.keys import input_checks
from shared.platform.keys.input_checks import CREDENTIAL_WHITESPACE, check_key_pair
from shared.policy.refused_networks import REFUSED
from shared.products import PRODUCTS, AnyProduct
from shared.reporting import fold
from shared.uploads.form import _BROKEN
from shared.wire import problems
from tests.shared.test_endpoint import ALL_REFUSED

CHINESE: Mapping[str, str] = translations("zh-CN")["sentences"]
SAID_BY: Mapping[str, tuple[int, str]] = {
    "ApiProblemError": (1, "detail"),
    "BeyondBoundsError": (0, "detail"),
    "HTTPException": (1, "detail"),
    "InvalidField": (9, "reason"),
    "Open": (1, "what"),
    "RejectedRow": (2, "reason"),
    "Sentence": (0, "english"),
    "UploadError": (0, "detail"),
    "_unsupported": (0, "detail"),
    "invalid": (0, "problem"),
    "sentence": (1, "english"),
    "unavailable": (0, "detail"),
    "unreadable": (1, "problem"),
}
"""Where calls have a text for people: the position, and the name."""
TWO_WORDS = re.compile("[a-z]{2,} [a-z]{2,}")
CHARACTER = re.compile("[\u4e00-\u9fff]")


class Texts:
    """The texts that a module passes to SAID_BY, and the places where one is put together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: set[str] = set()
        self.made: list[str] = []
        self.assigned: dict[str, list[ast.expr]] = {}
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.assigned.setdefault(node.targets[0].id, []).append(node.value)
        for node in nodes:
            if isinstance(node, ast.Call):
                self.read(node)

    def read(self, call: ast.Call) -> None:
        """Take the texts of a call."""
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        position, keyword = SAID_BY.get(name, (9, ""))
        given = call.args[position : position + 1]
        given += [one.value for one in call.keywords if one.arg == keyword and keyword]
        for text in given:
            self.take(text)

    def take(self, text: ast.expr) -> None:
        """Take a text, each branch of a choice, and what a name stands for."""
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            self.found.add(text.value)
        elif isinstance(text, ast.IfExp):
            self.take(text.body)
            self.take(text.orelse)
        elif isinstance(text, ast.JoinedStr | ast.BinOp):
            self.made.append(f"{self.path}:{text.lineno}")
        elif isinstance(text, ast.Name):
            for value in self.assigned.get(text.id, ()):
                self.take(value)


def modules() -> Iterator[Texts]:
    for package in (api, shared):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            yield Texts(path)


def of_product(product: AnyProduct) -> Iterator[str]:
    if product.noun:  # the others are called by the names that their makers gave them
        yield product.title
    yield from (product.noun, product.access_key_is, product.secret_key_is)
    for option in product.options.model_json_schema().get("properties", {}).values():
        yield from (option["title"], option["description"])
    if shapes := product.key_shapes:
        yield from (shapes.access_key.in_words, shapes.secret_key.in_words)
    for slip in product.all_slips:
        yield from (slip.mistyped_as, slip.enter_instead)


def own_words() -> Iterator[str]:
    """Yield every sentence, and every fact that is in the service's own words."""
    for texts in modules():
        yield from texts.found
    yield from get_args(WhyNot)
    yield from ("is not valid", _BROKEN, "the document, before items")
    yield from report._WITHOUT_VERDICT.values()  # noqa: SLF001 -- nobody else needs them
    yield from fold._NOT_MADE.values()  # noqa: SLF001
    yield from cause_pages._OWNERS.values()  # noqa: SLF001
    yield from problems._REASONS.values()  # noqa: SLF001
    yield from rate._WHAT.values()  # noqa: SLF001
    yield from (refused.kind for refused in REFUSED)
    yield from input_checks._NAMED.values()  # noqa: SLF001
    for slip in input_checks.SLIPS:
        yield from (slip.mistyped_as, slip.enter_instead)
    for product in PRODUCTS.values():
        yield from of_product(product)
    yield from (HTTPStatus(status).phrase for status in STATUSES)


STATUSES = (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 504)


def test_every_sentence_has_a_translation() -> None:
    """One sentence of English among Chinese ones is a riddle."""
    missing = sorted({text for text in own_words() if text} - CHINESE.keys())

    assert not missing, "in zh-CN.json are missing:\n" + "\n".join(missing)


def test_no_sentence_is_put_together_where_it_is_said() -> None:
    """Its facts belong into a Sentence: a finished text has no translation."""
    made = [place for texts in modules() for place in texts.made]

    assert made == []


def test_both_languages_state_the_same_facts() -> None:
    """A number that is lost in translation is missed by its reader."""
    others = [text for text in CHINESE if named_in(text) != named_in(CHINESE[text])]

    assert others == []


@pytest.mark.parametrize("endpoint", [text for text, _ in ALL_REFUSED])
def test_a_refused_endpoint_is_told_in_chinese_alone(endpoint: str) -> None:
    """What is wrong with it is a fact of the cause, in words of our own."""
    with pytest.raises(Failed) as raised:
        parse_endpoint(endpoint)
    told = Sentence.of(raised.value.finding).in_language("zh-CN")

    assert CHARACTER.search(told)
    assert not TWO_WORDS.search(re.sub(r"\(.*\)", "", told)), told  # Unicode's name of a character


@pytest.mark.parametrize(("key", "side"), [(" a", "开头"), ("a ", "结尾"), (" a ", "开头和结尾")])
def test_a_side_is_told_in_chinese(key: str, side: str) -> None:
    """It is a fact in words as well."""
    with pytest.raises(Failed) as raised:
        check_key_pair(key, "secret", None)

    assert raised.value.cause is CREDENTIAL_WHITESPACE
    assert side in Sentence.of(raised.value.finding).in_language("zh-CN")


@pytest.mark.parametrize(
    ("sentence", "english", "chinese"),
    [
        (Sentence("is required"), "is required", "为必填项"),
        (Sentence("must be at least {ge}", {"ge": 1}), "must be at least 1", "不能小于 1"),
        (
            Sentence("{place}: is not valid CSV.", {"place": "line 3"}),
            "line 3: is not valid CSV.",
            "第 3 行：不是有效的 CSV。",
        ),
        (Sentence("Novel: {place}", {"place": "items[3]"}), "Novel: items[3]", "Novel: items[3]"),
    ],
)
def test_a_sentence_is_told_in_both_languages(
    sentence: Sentence, english: str, chinese: str
) -> None:
    """The facts go into the other language's sentence; without one, English is better than none."""
    assert str(sentence) == sentence.in_language("en") == english
    assert sentence.in_language("zh-CN") == chinese
