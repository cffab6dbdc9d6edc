import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from shared.policy.token_file import TokenFile, TokenPolicy
from shared.sealing import new_key_pair
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile


def conncheck(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "conncheck"), "token", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_new_token_is_printed_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    """Who reads the file must not be able to call."""
    file = tmp_path / "tokens.json"

    made = conncheck("new", "ci", "--file", str(file), "--scope", "bulk", "--network", "10.0.0.0/8")

    token = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    (entry,) = TokenFile.read(file).tokens
    assert entry.sha256 == sha256(token.encode()).hexdigest()
    assert entry.scopes == ("bulk",)
    assert token not in file.read_text()
    listed = conncheck("list", "--file", str(file)).stdout
    assert listed.startswith("ci tenant=ci scopes=bulk sites=default created=")
    assert "networks=10.0.0.0/8" in listed


def test_a_token_is_made_for_sites(tmp_path: Path) -> None:
    """Whoever tests from another site has been given that network."""
    file = tmp_path / "tokens.json"
    sites = ("--site", "default", "--site", "fra1")

    assert conncheck("new", "ci", "--file", str(file), *sites).returncode == 0
    (entry,) = TokenFile.read(file).tokens
    assert entry.sites == ("default", "fra1")
    own = {"fra1": TokenPolicy(domains=("fra.example.com",), ports=(8443,))}
    TokenFile(tokens=(entry.model_copy(update={"site_policies": own}),)).write(file)

    listed = conncheck("list", "--file", str(file)).stdout

    assert " sites=default,fra1 " in listed
    assert " fra1:domains=fra.example.com fra1:ports=8443" in listed
    assert conncheck("new", "all", "--file", str(file), "--site", "*").returncode == 0
    assert (
        "all tenant=all scopes=test,read sites=* " in conncheck("list", "--file", str(file)).stdout
    )


def test_a_site_that_is_not_declared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token would be refused at each call, and where it was made nobody would see why."""
    file, sites = tmp_path / "tokens.json", tmp_path / "sites.json"
    key = new_key_pair()[1]
    SitesFile(sites=(SiteEntry(name="fra1", sealing_public_key=key),)).write(sites)
    monkeypatch.setenv("CONNCHECK_SITES_FILE", str(sites))

    refused = conncheck("new", "ci", "--file", str(file), "--site", "fra2")

    assert refused.returncode == 2
    assert refused.stderr == f"conncheck: there is no site fra2 in {sites}; did you mean fra1?\n"
    assert not file.exists()
    named = ("--site", "fra1", "--site", "default", "--site", "*")
    assert conncheck("new", "ci", "--file", str(file), *named).returncode == 0


def test_a_revoked_token_is_gone(tmp_path: Path) -> None:
    """A token that leaked has to end at once."""
    file = tmp_path / "tokens.json"
    conncheck("new", "ci", "--file", str(file))

    assert conncheck("revoke", "ci", "--file", str(file)).returncode == 0
    assert TokenFile.read(file).tokens == ()
    again = conncheck("revoke", "ci", "--file", str(file))
    assert (again.returncode, again.stderr) == (2, "conncheck: there is no token ci\n")


def test_what_is_not_valid_is_named(tmp_path: Path) -> None:
    """A limit that was mistyped would be none."""
    file = tmp_path / "tokens.json"

    for option, value in (
        ("--scope", "root"),
        ("--network", "10.0.0.0/99"),
        ("--tenant", "a b"),
        ("--site", "F1"),
    ):
        refused = conncheck("new", "ci", "--file", str(file), option, value)
        assert refused.returncode == 2
        assert value in refused.stderr
    assert not file.exists()
    conncheck("new", "ci", "--file", str(file))
    assert "already" in conncheck("new", "ci", "--file", str(file)).stderr
