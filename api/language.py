"""Choose the language of a response (RFC 9110 12.5.4)."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header

from shared.diagnosis.translations import Language

LONGEST_WISHES = 1000  # characters that are read; browsers send 100


def language_of(accept_language: str | None) -> Language:
    """Return the language that an Accept-Language header prefers; by default English."""
    wishes = [_wish(part) for part in (accept_language or "")[:LONGEST_WISHES].split(",")]
    # sorted keeps the order of languages with the same quality.
    for name, _ in sorted((w for w in wishes if w[1] > 0), key=lambda wish: -wish[1]):
        if name == "zh" or name.startswith(("zh-cn", "zh-hans")):
            return "zh-CN"
        if name == "en" or name.startswith("en-"):
            return "en"
    return "en"


def preferred(headers: Mapping[str, str]) -> Language:
    """Return the language of the response to a request with these headers."""
    return language_of(headers.get("accept-language"))


def headers_of(language: Language) -> dict[str, str]:
    """Return the headers that tell caches the response's language and what it depends on."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def _wish(part: str) -> tuple[str, float]:
    name, _, quality = part.strip().lower().partition(";")
    try:
        return name.strip(), float(quality.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0


async def _language(
    accept_language: Annotated[
        str | None, Header(description="en (the default) or zh-CN", examples=["zh-CN"])
    ] = None,
) -> Language:
    return language_of(accept_language)


LanguageDep = Annotated[Language, Depends(_language)]
