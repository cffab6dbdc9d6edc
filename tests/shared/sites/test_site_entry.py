from typing import Any

import pytest
from pydantic import ValidationError

from shared.sealing import new_key_pair
from shared.sites.site_entry import DEFAULT_ENTRY, SiteEntry

KEY = new_key_pair()[1]
FRA1 = {"name": "fra1", "sealingPublicKey": KEY}


def test_a_site_says_what_its_callers_need_to_know() -> None:
    """A remedy names the addresses that somebody has to allow in a firewall."""
    entry = SiteEntry.model_validate(
        FRA1
        | {"title": "Frankfurt 1", "labels": {"region": "eu"}, "silenceS": 60}
        | {"egress": ["203.0.113.7", "203.0.113.8/29", "2001:db8::7"]}
    )

    assert entry.shown_as == "Frankfurt 1"
    assert entry.egress_texts == ("203.0.113.7", "203.0.113.8/29", "2001:db8::7")
    assert entry.labels == {"region": "eu"}
    assert entry.silent_after_s == 60


def test_a_distant_site_may_be_silent_for_longer() -> None:
    """A line that is cut for 20 s must not have all tests of the site given up."""
    assert DEFAULT_ENTRY.silent_after_s == 4
    assert SiteEntry(name="fra1", sealing_public_key=KEY).silent_after_s == 30


def test_a_site_without_a_title_is_shown_by_its_name() -> None:
    """Nothing else is known of it."""
    assert SiteEntry.model_validate(FRA1).shown_as == "fra1"


def test_only_the_default_site_can_do_without_a_key() -> None:
    """Its key is in the environment of the API; another site's requests could not be sealed."""
    assert SiteEntry(name="default").sealing_public_key is None
    with pytest.raises(ValidationError, match="sealingPublicKey"):
        SiteEntry(name="fra1")


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("name", "Fra1"),
        ("title", "x" * 81),
        ("title", "Frank\u202efurt"),
        ("title", "Frankfurt\n"),
        ("sealingPublicKey", "hunter2"),
        ("nextSealingPublicKey", "hunter2"),
        ("egress", ["gateway.example.com"]),
        ("egress", ["203.0.113.7/24"]),
        ("egress", ["203.0.113.256"]),
        ("labels", {"password": "hunter2"}),
        ("labels", {"a(b)": "x"}),
        ("labels", {"region": ""}),
        ("labels", {f"l{n}": "x" for n in range(17)}),
        ("silenceS", 0),
        ("silenceS", 2.9),
        ("silenceS", 601),
        ("silenceS", "NaN"),
        ("adress", "203.0.113.7"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(place: str, wrong: Any) -> None:
    """A site that was mistyped would be known by its failures alone."""
    with pytest.raises(ValidationError) as raised:
        SiteEntry.model_validate(FRA1 | {place: wrong})

    assert {error["loc"][0] for error in raised.value.errors()} == {place}
