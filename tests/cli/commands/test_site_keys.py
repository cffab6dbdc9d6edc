from pathlib import Path

import pytest

from shared.sealing import Opener, Sealer, new_key_pair
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile
from tests.cli.commanding import conncheck

PRIVATE, PUBLIC = new_key_pair()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sites.json"
    SitesFile(sites=(SiteEntry(name="fra1", title="F", sealing_public_key=PUBLIC),)).write(path)
    return path


def key_in(file: Path) -> str:
    return SitesFile.read(file).sites[0].sealing_public_key or ""


def keys(*arguments: str) -> str:
    done = conncheck("sites", "keys", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_at_each_stage_the_workers_can_open_what_the_api_seals(file: Path) -> None:
    """The key of one site is replaced without a word to any other, and no job is lost."""
    sealed = Sealer(PUBLIC, "fra1").seal(b"content", "4f2a")

    line = keys("add", "fra1", "--file", str(file)).splitlines()[1]
    new = line.removeprefix("CONNCHECK_SEALING_PRIVATE_KEYS=").partition(",")[0]
    opener = Opener([new, PRIVATE], "fra1")

    assert line.endswith(",THE_VALUE_OF_BEFORE")
    assert key_in(file) == PUBLIC
    assert new not in file.read_text()
    assert "keep only the first key" in keys("use", "fra1", "--file", str(file))
    assert opener.open(sealed, "4f2a") == b"content"
    assert opener.open(Sealer(key_in(file), "fra1").seal(b"new", "4f2b"), "4f2b") == b"new"
    assert SitesFile.read(file).sites[0].title == "F"
    assert SitesFile.read(file).sites[0].next_sealing_public_key is None


def test_the_workers_are_given_the_key_before_it_is_used(file: Path) -> None:
    """Else each test of the site fails until they are."""
    added = keys("add", "fra1", "--file", str(file))
    used = keys("use", "fra1", "--file", str(file))

    assert "once all of them have it" in added
    assert "Its workers must have it already" in used
    assert "self.cannot_open" in used


def test_a_new_key_that_takes_the_place_of_another_says_so(file: Path) -> None:
    """The workers may have been given the other one, with which they would open nothing."""
    keys("add", "fra1", "--file", str(file))
    first = SitesFile.read(file).sites[0].next_sealing_public_key

    assert f"replaces the new key {first}" in keys("add", "fra1", "--file", str(file))


def test_a_pair_may_be_made_at_the_site(file: Path) -> None:
    """Its private key is seen by nobody here."""
    public = new_key_pair()[1]

    shown = keys("add", "fra1", "--file", str(file), "--public-key", public)
    keys("use", "fra1", "--file", str(file))

    assert "THE_NEW_PRIVATE_KEY,THE_VALUE_OF_BEFORE" in shown
    assert key_in(file) == public


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("use", "fra1"), "has no new key"),
        (("add", "fra2"), "there is no site fra2 in the file; did you mean fra1?"),
        (("add", "default"), "default are replaced by `conncheck keys`"),
        (("use", "default"), "default are replaced by `conncheck keys`"),
        (("add", "fra1", "--public-key", "hunter2"), "nextSealingPublicKey"),
        (("add", "fra1", "--public-key", PUBLIC), "same sealingPublicKey"),
    ],
)
def test_what_would_leave_the_site_without_a_key_is_refused(
    file: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """Its workers could open nothing until somebody notices."""
    before = file.read_text()

    refused = conncheck("sites", "keys", *arguments, "--file", str(file))

    assert (refused.returncode, refused.stdout) == (2, "")
    assert problem in refused.stderr
    assert "hunter2" not in refused.stderr
    assert file.read_text() == before
