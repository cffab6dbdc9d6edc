"""The texts of causes in languages other than English, by code, with one file per language."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from shared.diagnosis.entries import FoundCause
from shared.diagnosis.outcomes import filled

Language = Literal["en", "zh-CN"]


def told_in(language: Language, found: FoundCause) -> FoundCause:
    """Return `found` in `language`; in English if it has not been translated."""
    texts = translations(language)["causes"].get(found.code)
    if texts is None:
        return found
    facts = {**found.known, **found.facts}
    try:
        summary = filled(texts["summary"], facts)
        remedies = tuple(filter(None, (filled(remedy, facts) for remedy in texts["remedies"])))
    except KeyError:  # an older worker wrote it, with other facts
        return found
    return found.model_copy(update={"summary": summary, "remedies": remedies})


def sentence(language: Language, english: str) -> str:
    """Return one of the service's own sentences in `language`; in English if it has none."""
    translated: str = translations(language)["sentences"].get(english, english)
    return translated


@cache
def translations(language: Language) -> Mapping[str, Any]:
    """Return the texts of `language`: "causes" by code, "sentences" by the English ones."""
    if language == "en":
        return {"causes": {}, "sentences": {}}
    content = files(__name__).joinpath(f"{language}.json").read_text("utf-8")
    texts: Mapping[str, Any] = json.loads(content)
    return texts
