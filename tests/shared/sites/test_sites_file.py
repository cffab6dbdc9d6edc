import json
from pathlib import Path

import pytest

from shared.sealing import new_key_pair
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile, near_names

FRA1, SIN1 = (
    SiteEntry(name=name, sealing_public_key=new_key_pair()[1]) for name in ("fra1", "sin1")
)


def names_of(file: SitesFile) -> list[str]:
    return [one.name for one in file.all_sites]


def test_a_file_that_was_written_is_read_back(tmp_path: Path) -> None:
    """Adding one site must not change another."""
    path = tmp_path / "sites.json"
    entry = SiteEntry.model_validate(
        {"name": "fra1", "title": "Frankfurt", "sealingPublicKey": FRA1.sealing_public_key}
        | {"egress": ["203.0.113.7"], "labels": {"region": "eu"}, "silenceS": 20}
    )

    SitesFile(sites=(entry, SIN1)).write(path)

    assert SitesFile.read(path).sites == (entry, SIN1)
    assert list(json.loads(path.read_text())["sites"][1]) == ["name", "sealingPublicKey"]


def test_the_default_site_always_exists() -> None:
    """Without a file, and without a word of it in the file, all works as before."""
    titled = SiteEntry(name="default", title="Here")

    assert names_of(SitesFile()) == ["default"]
    assert names_of(SitesFile(sites=(FRA1,))) == ["default", "fra1"]
    assert SitesFile(sites=(FRA1, titled)).all_sites == (FRA1, titled)
    assert SitesFile(sites=(FRA1, titled)).site("default") is titled
    assert SitesFile(sites=(FRA1,)).site("sin1") is None


def test_a_site_is_replaced_in_its_place() -> None:
    """People know the order of the file as the order in which sites are shown."""
    file = SitesFile(sites=(FRA1, SIN1))
    titled = FRA1.model_copy(update={"title": "Frankfurt"})

    assert file.with_site(titled).sites == (titled, SIN1)
    assert SitesFile(sites=(FRA1,)).with_site(SIN1).sites == (FRA1, SIN1)
    assert file.without("fra1").sites == (SIN1,)


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"name": "fra1", "sealingPublicKey": SIN1.sealing_public_key}, "the name fra1"),
        ({"name": "sin1", "sealingPublicKey": FRA1.sealing_public_key}, "same sealingPublicKey"),
    ],
)
def test_nothing_stands_in_the_file_twice(
    tmp_path: Path, second: dict[str, str], problem: str
) -> None:
    """Two sites with one key could open each other's requests."""
    path = tmp_path / "sites.json"
    first = {"name": "fra1", "sealingPublicKey": FRA1.sealing_public_key}
    path.write_text(json.dumps({"sites": [first, second]}))

    with pytest.raises(ValueError, match=problem):
        SitesFile.read(path)


def test_a_mistake_is_reported_by_its_place(tmp_path: Path) -> None:
    """The file may have many sites."""
    path = tmp_path / "sites.json"
    entry = {"name": "fra1", "sealingPublicKey": FRA1.sealing_public_key, "egress": ["here"]}
    path.write_text(json.dumps({"sites": [{"name": "default"}, entry]}))

    with pytest.raises(ValueError, match=r"sites\.json: sites\.1\.egress\.0"):
        SitesFile.read(path)


@pytest.mark.parametrize(
    ("typed", "near"),
    [("fra2", ("fra1",)), ("FRA1", ("fra1",)), ("sin", ("sin1",)), ("tokyo", ()), ("x" * 9999, ())],
)
def test_a_mistyped_name_leads_to_the_one_that_was_meant(typed: str, near: tuple[str, ...]) -> None:
    """Most who name an unknown site know its name nearly."""
    assert near_names(typed, ["default", "fra1", "sin1"]) == near
