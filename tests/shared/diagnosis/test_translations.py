# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from string import Formatter

import pytest

import shared
import worker
from shared.diagnosis import report
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import FoundCause
from shared.diagnosis.outcomes import Facts, Finding
from shared.diagnosis.translations import sentence, told_in, translations
from shared.platform.answers.intermediaries import HTTP_503_MAINTENANCE
from shared.platform.answers.redirects import REDIRECT_SCHEME
from shared.platform.keys.key_pair import CLOCK_OFF

CHINESE = translations("zh-CN")["causes"]
_CHARACTER = re.compile("[\u4e00-\u9fff]")
_OPTIONAL = re.compile(r"\[[^][]*\]")
_ENGLISH_STOP = re.compile("[.,;] ?$")


def declared() -> Iterator[Cause]:
    for package in (shared, worker):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(found.name)
            yield from (value for value in vars(module).values() if isinstance(value, Cause))


CAUSES = {cause.code: cause for cause in declared()}


def named(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def required(template: str) -> set[str]:
    return named(_OPTIONAL.sub("", template))


def faults_of(english: str, chinese: str) -> Iterator[str]:
    """Give what is wrong with a text's translation."""
    if missing := named(english) - named(chinese):
        yield f"does not name {sorted(missing)}"
    if invented := named(chinese) - named(english):
        yield f"names {sorted(invented)}, which the English text does not"
    if unsure := (required(chinese) & named(english)) - required(english):
        yield f"needs {sorted(unsure)}, which may be unknown"
    if not _CHARACTER.search(chinese):
        yield "is not Chinese"
    if _ENGLISH_STOP.search(chinese):
        yield "ends like an English sentence"


def test_every_cause_is_told_in_chinese() -> None:
    """The users of the documented API read it; one sentence of English among them is a riddle."""
    missing = sorted(CAUSES.keys() - CHINESE.keys())

    assert not missing, f"in zh-CN.json are missing: {', '.join(missing)}"


def test_nothing_is_told_that_no_cause_says() -> None:
    """What was renamed would be in English, and nobody would notice."""
    left_over = sorted(CHINESE.keys() - CAUSES.keys())

    assert not left_over, f"zh-CN.json tells what no cause says: {', '.join(left_over)}"


def test_both_languages_state_the_same_facts() -> None:
    """The host, the port and the date are what the text is for."""
    texts = [(code, CAUSES[code], CHINESE[code]) for code in CAUSES.keys() & CHINESE.keys()]
    found = [
        f"{code}: {where} {fault}"
        for code, cause, chinese in texts
        for where, english, translated in [
            ("the summary", cause.summary, chinese["summary"]),
            *(
                (f"remedy {number}", *pair)
                for number, pair in enumerate(
                    zip(cause.remedies, chinese["remedies"], strict=False), start=1
                )
            ),
        ]
        for fault in faults_of(english, translated)
    ]

    assert not found, "\n".join(sorted(found))


def test_both_languages_advise_as_much() -> None:
    """Three remedies at most, and the same ones."""
    texts = [(code, CAUSES[code], CHINESE[code]) for code in CAUSES.keys() & CHINESE.keys()]
    found = [
        f"{code}: {len(chinese['remedies'])} remedies, not {len(cause.remedies)}"
        for code, cause, chinese in texts
        if len(cause.remedies) != len(chinese["remedies"])
    ]

    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    ("finding", "summary", "remedy"),
    [
        (
            Finding(REDIRECT_SCHEME, {"origin": "https://a.example"}),
            "a.example 端口 80 把明文 HTTP 请求重定向到 https://a.example",
            "请将 https://a.example 填为 endpoint；本服务不会在重定向之后发送密钥对。",
        ),
        (
            Finding(HTTP_503_MAINTENANCE, {"status": 503, "retry_after_s": 30}),
            "a.example 表示暂停服务（503），持续 30 秒",
            "请等待 30 秒后再测试，它可能正在启动。",
        ),
        (
            Finding(HTTP_503_MAINTENANCE, {"status": 503, "says": "backup"}),
            "a.example 表示暂停服务（503）；a.example的说明：“backup”",
            "请等待后再测试，它可能正在启动。",
        ),
        (
            Finding(HTTP_503_MAINTENANCE, {"status": 503}),
            "a.example 表示暂停服务（503）",
            "请等待后再测试，它可能正在启动。",
        ),
        (
            Finding(CLOCK_OFF, {"behind_s": 600, "allowed_s": 900}),
            "a.example 的时钟比本服务慢 600 秒",
            "请校正 a.example 上的 NTP：按自身时钟签名的客户端，偏差超过 900 秒就会被拒绝。",
        ),
    ],
)
def test_a_finding_is_told_in_chinese(finding: Finding, summary: str, remedy: str) -> None:
    """The facts are put into the other language's sentence, not the sentence translated."""
    known: Facts = {"host": "a.example", "port": 80, "usable_origin": "https://a.example"}

    told = told_in("zh-CN", FoundCause.of(finding, known))

    assert told.summary == summary
    assert told.remedies[0] == remedy


def test_every_count_of_something_has_its_noun_in_both_forms() -> None:
    """A noun in the plural behind a number reads wrongly where the number is 1."""
    counts = re.compile(r"\{(days|locked_min|tested|named|rejected|most|count|found)\} [a-z]+s\b")
    texts = [(c.code, text) for c in CAUSES.values() for text in (c.summary, *c.remedies)]

    assert [(code, text) for code, text in texts if counts.search(text)] == []


def test_every_sentence_of_the_services_own_is_told_in_chinese() -> None:
    """They are all that is said of a job without a verdict."""
    said = (*report._WITHOUT_VERDICT.values(), report.SHARE_USED)  # noqa: SLF001 -- nobody else needs them
    for english in said:
        assert _CHARACTER.search(sentence("zh-CN", english))
