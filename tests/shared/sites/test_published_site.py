"""Tests of reading what the API publishes of a site."""

import json

import pytest

from shared.sealing import new_key_pair
from shared.sites.published_site import LONGEST_PUBLISHED, PublishedSite
from shared.sites.site_entry import SiteEntry

_, KEY = new_key_pair()


def test_what_is_written_is_read() -> None:
    """The API and a site's machine may be a version apart."""
    entry = SiteEntry.model_validate(
        {"name": "fra1", "sealingPublicKey": KEY, "egress": ["203.0.113.0/28", "2001:db8::7"]}
    )
    published = PublishedSite.of(entry, version="2.1.0", sealing_public_key="b2YgZGVmYXVsdA==")

    assert PublishedSite.read(published.text().encode()) == published
    assert published.sealing_public_keys == (KEY,)
    assert published.egress == ("203.0.113.0/28", "2001:db8::7")


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"x" * (LONGEST_PUBLISHED + 1), b"\xff"])
def test_other_texts_are_none(text: bytes) -> None:
    """A site's password can write there, and the command must say so in plain words."""
    assert PublishedSite.read(text) is None


@pytest.mark.parametrize("change", [{"title": "\x1b[2J"}, {"egress": ["call 555-0100"]}])
def test_a_text_that_says_more_than_ours_is_none(change: dict[str, object]) -> None:
    """Who has a site's password can write it, and its operators read it on a terminal."""
    entry = SiteEntry(name="default", title="Core")
    published = PublishedSite.of(entry, version="2.1.0", sealing_public_key="b2YgZGVmYXVsdA==")
    forged = {**json.loads(published.text()), **change}

    assert PublishedSite.read(json.dumps(forged).encode()) is None
