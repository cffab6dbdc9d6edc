"""The texts of causes in languages other than English, by code, with one file per language."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from shared.diagnosis.entries import FoundCause
from shared.diagnosis.outcomes import SAYS, Fact, Facts, filled, told

Language = Literal["en", "zh-CN"]

_PLACE = re.compile(r"(line|row|after) ([0-9]{1,9}|items\[[0-9]{1,9}\])")
_ENTRIES: Mapping[str, str] = {
    kind: f"{kind} {{place}}"
    for kind in ("alias", "cloud", "context", "host", "job", "profile", "remote", "target")
}
"""The kinds of entries that inventories have, by which a place in one begins."""


def told_in(language: Language, found: FoundCause) -> FoundCause:
    """Return `found` in `language`; in English if it has not been translated."""
    texts = translations(language)["causes"].get(found.code)
    if texts is None:
        return found
    facts = facts_in(language, {**found.known, **found.facts})
    try:
        summary = told(texts["summary"], facts, sentence(language, SAYS))
        remedies = tuple(filter(None, (filled(remedy, facts) for remedy in texts["remedies"])))
    except KeyError:  # an older worker wrote it, with other facts
        return found
    return found.model_copy(update={"summary": summary, "remedies": remedies})


def sentence(language: Language, english: str) -> str:
    """Return one of the service's own sentences in `language`; in English if it has none."""
    translated: str = translations(language)["sentences"].get(english, english)
    return translated


def summary_of(language: Language, code: str) -> str | None:
    """Return the summary of the cause `code`, a template; None if it has not been translated."""
    texts = translations(language)["causes"].get(code)
    return texts and str(texts["summary"])


def facts_in(language: Language, facts: Facts) -> Facts:
    """Return `facts`, of which those that are the service's own words are in `language`."""
    if language == "en":
        return facts
    return {name: _fact_in(language, fact) for name, fact in facts.items()}


def place_in(language: Language, place: str) -> str:
    """Return a place in an upload ("line 17", "row 17", "cloud prod") in `language`."""
    kind, _, name = place.partition(" ")
    if name and (template := _ENTRIES.get(kind)):
        return sentence(language, template).format(place=name)
    return _numbered_in(language, place)


def _numbered_in(language: Language, place: str) -> str:
    if named := _PLACE.fullmatch(place):
        template = "after {place}" if named[1] == "after" else "line {place}"
        return sentence(language, template).format(place=named[2])
    return sentence(language, place)


def _fact_in(language: Language, fact: Fact) -> Fact:
    if isinstance(fact, tuple):
        return tuple(sentence(language, part) for part in fact)
    # Not the place of an entry: a platform's own words may begin with "host" as well.
    return _numbered_in(language, fact) if isinstance(fact, str) else fact


@cache
def translations(language: Language) -> Mapping[str, Any]:
    """Return the texts of `language`: "causes" by code, "sentences" by the English ones."""
    if language == "en":
        return {"causes": {}, "sentences": {}}
    content = files(__name__).joinpath(f"{language}.json").read_text("utf-8")
    texts: Mapping[str, Any] = json.loads(content)
    return texts
