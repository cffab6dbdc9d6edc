import json
import shlex
from pathlib import Path

import pytest
import yaml
from redis import Redis

from shared.sealing import Opener, Sealer, new_key_pair
from shared.settings import setting_names
from shared.signing import Signer, Verifier, new_signing_pair
from shared.sites.sites_file import SitesFile
from tests.cli.commanding import conncheck
from tests.running.own_redis import OwnRedis
from tests.running.service import Service
from tests.running.sites import wait_for_records

SIGNING_KEY = new_signing_pair()[0]
REDIS_URL = "rediss://redis.example.com:6379/0"
DECLARED = ("--title", "Frankfurt 1", "--egress", "203.0.113.7", "--label", "region=eu")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sites.json"


def added(file: Path, *arguments: str, name: str = "fra1", **settings: str) -> str:
    done = conncheck("sites", "add", name, "--file", str(file), *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal_of(*arguments: str, **settings: str) -> str:
    refused = conncheck("sites", *arguments, **settings)
    assert (refused.returncode, refused.stdout) == (2, "")
    return refused.stderr


def settings_in(shown: str) -> dict[str, str]:
    """Return what the part for the workers' environment sets."""
    part = shown.partition("# 2. ")[2].partition("# 3. ")[0]
    return dict(line.split("=", 1) for line in part.splitlines() if line.startswith("CONNCHECK_"))


def test_each_part_stands_under_the_place_that_it_belongs_to(file: Path) -> None:
    """Who declares a site has four places to change, and looks for one of them at a time."""
    shown = added(file, *DECLARED, "--redis-url", REDIS_URL)

    headings = [
        line for line in shown.splitlines() if line.startswith(tuple(f"# {n}." for n in "1234"))
    ]
    assert [heading.partition(",")[0] for heading in headings] == [
        "# 1. IN REDIS",
        "# 2. AT fra1",
        "# 3. AT fra1",
        "# 4. AT THE API",
    ]
    assert "\nACL SETUSER conncheck-fra1 " in shown
    assert "save these lines as site-fra1.env, readable only by you" in shown
    assert "conncheck worker --queue interactive" in shown
    assert "kubectl create secret generic conncheck-fra1 --from-env-file=site-fra1.env" in shown
    assert "--site fra1" in shown
    compose = shown.partition("services:")[2].partition("\n\n")[0]
    assert yaml.safe_load(f"services:{compose}")["services"]["bulk-worker"]["command"] == [
        "worker",
        "--queue",
        "bulk",
    ]


def test_a_container_is_given_the_certificate_that_its_url_names(file: Path) -> None:
    """It would not find it, and never reach Redis."""
    url = "rediss://redis.example.com:6380/0?ssl_ca_certs=/certificates/redis.crt"
    shown = added(file, "--redis-url", url)

    compose = shown.partition("services:")[2].partition("\n\n")[0]
    services = yaml.safe_load(f"services:{compose}")["services"]
    for name in ("worker", "bulk-worker"):
        assert services[name]["volumes"] == ["./redis.crt:/certificates/redis.crt:ro"]


def test_the_workers_open_what_the_api_seals_for_the_site(file: Path) -> None:
    """A site whose parts don't fit together fails each of its tests."""
    settings = settings_in(
        added(file, "--redis-url", REDIS_URL, CONNCHECK_SIGNING_PRIVATE_KEYS=SIGNING_KEY)
    )

    entry = SitesFile.read(file).site("fra1")
    assert entry
    sealed = Sealer(entry.sealing_public_key or "", "fra1").seal(b"content", "4f2a")
    opener = Opener([settings["CONNCHECK_SEALING_PRIVATE_KEYS"]], "fra1")
    assert opener.open(sealed, "4f2a") == b"content"
    signature = Signer([SIGNING_KEY]).sign(b"statement")
    verifier = Verifier([settings["CONNCHECK_SIGNING_PUBLIC_KEYS"]])
    assert verifier.is_signed(b"statement", signature)
    assert settings["CONNCHECK_SITE"] == "fra1"
    assert settings.keys() <= {*setting_names(), "CONNCHECK_SIGNING_PUBLIC_KEYS"}


def test_redis_admits_the_workers_with_the_rule_and_the_url(file: Path, tmp_path: Path) -> None:
    """The password is in the URL, and its hash in the rule."""
    shown = added(file, "--redis-url", REDIS_URL)
    rule = next(line for line in shown.splitlines() if line.startswith("ACL SETUSER"))
    user, password = settings_in(shown)["CONNCHECK_REDIS_URL"].split("@")[0][9:].split(":")
    redis = OwnRedis(tmp_path)
    redis.start()
    socket = str(tmp_path / "redis.sock")

    with Redis(unix_socket_path=socket) as administrator:
        administrator.execute_command(*shlex.split(rule, comments=False))
    with Redis(unix_socket_path=socket, username=user, password=password) as worker:
        assert worker.set("conncheck@fra1:key", "value")
    redis.stop()


def test_secrets_are_shown_once_and_kept_nowhere(file: Path, tmp_path: Path) -> None:
    """The file is read by all who look after the API."""
    settings = settings_in(added(file, *DECLARED, "--redis-url", REDIS_URL))

    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    listed = conncheck("sites", "list", "--file", str(file)).stdout
    for secret in (
        settings["CONNCHECK_SEALING_PRIVATE_KEYS"],
        settings["CONNCHECK_REDIS_URL"].partition("@")[0].rpartition(":")[2],
    ):
        assert len(secret) > 40
        assert secret not in kept + listed
    assert json.loads(kept)["sites"][0]["egress"] == ["203.0.113.7"]
    assert listed.splitlines()[0] == "default silence=4s"
    assert listed.splitlines()[1].startswith(
        'fra1 title="Frankfurt 1" egress=203.0.113.7 silence=30s key='
    )
    assert listed.splitlines()[1].endswith(" label.region=eu")


def test_what_is_not_known_is_named_where_it_is_missing(file: Path) -> None:
    """A worker that starts with a placeholder would fail with an error about base64."""
    public_key = new_key_pair()[1]

    shown = added(file, "--public-key", public_key)

    environment = shown.partition("# 2. ")[2].partition("# 3. ")[0]
    assert environment.count("REPLACE_WITH_") == environment.count("#    Replace the ") == 3
    assert "--redis-url" in environment
    assert "CONNCHECK_SIGNING_PRIVATE_KEYS" in environment
    assert SitesFile.read(file).sites[0].sealing_public_key == public_key


def test_the_default_site_needs_no_more_than_its_description(file: Path) -> None:
    """Its workers have their keys already."""
    shown = added(file, "--title", "Here", name="default")

    assert SitesFile.read(file).sites[0].shown_as == "Here"
    assert "ACL" not in shown
    assert "KEY" not in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("Fra1",), "Fra1 is not the name of a site"),
        (
            ("fra1", "--egress", "gateway"),
            "egress: 0: must be an address or a network, e.g. 203.0.113.0/28",
        ),
        (("fra1", "--label", "region"), "--label: region is not NAME=VALUE"),
        (("fra1", "--label", "password=x"), "that of a secret"),
        (("fra1", "--silence-s", "0"), "silenceS"),
        (("fra1", "--public-key", "hunter2"), "sealingPublicKey"),
        (("fra1", "--redis-url", "rediss://me:hunter2@h:6379/0"), "without user and password"),
        (("fra1", "--redis-url", "https://h"), "must be like rediss://"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    file: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """A site that is declared and has no keys would have to be removed first."""
    said = refusal_of("add", *arguments, "--file", str(file))

    assert problem in said
    assert "hunter2" not in said
    assert not file.exists()


def test_a_site_is_declared_once(file: Path) -> None:
    """A second key in its place would let no worker open anything."""
    added(file)
    before = file.read_text()

    assert "fra1 already exists" in refusal_of("add", "fra1", "--file", str(file))
    assert file.read_text() == before


def test_the_rule_can_be_renewed_without_the_password(file: Path) -> None:
    """The next version may need another command of Redis."""
    added(file)

    rule = conncheck("sites", "acl", "fra1", "--file", str(file)).stdout

    assert rule.startswith("ACL SETUSER conncheck-fra1 on resetkeys ~conncheck@fra1:* ")
    assert "resetpass" not in rule
    assert "default have no user" in refusal_of("acl", "default", "--file", str(file))
    assert "did you mean fra1?" in refusal_of("acl", "fra2", "--file", str(file))


def test_a_password_is_replaced_while_the_workers_run(file: Path) -> None:
    """The old one has to be valid until they have the new one."""
    added(file)

    shown = conncheck("sites", "acl", "fra1", "--file", str(file), "--new-password").stdout

    first, second = (line for line in shown.splitlines() if line.startswith("ACL SETUSER"))
    assert "resetpass" not in first
    assert " resetpass #" in second
    assert "CONNCHECK_REDIS_URL=rediss://conncheck-fra1:" in shown


def test_a_site_is_removed_unless_a_rule_needs_it(file: Path) -> None:
    """The API would not start any more."""
    added(file)
    rules = {"CONNCHECK_SITE_RULES": "fra1=10.20.0.0/16"}

    assert "CONNCHECK_SITE_RULES" in refusal_of("remove", "fra1", "--file", str(file), **rules)
    removed = conncheck("sites", "remove", "fra1", "--file", str(file))

    assert "ACL DELUSER conncheck-fra1" in removed.stdout
    assert SitesFile.read(file).sites == ()
    assert "there is no site fra1" in refusal_of("remove", "fra1", "--file", str(file))


def test_the_sites_of_a_service_are_listed_as_they_are(service: Service) -> None:
    """Who operates a service looks at its sites before asking those who sit there."""
    wait_for_records(service)

    listed = conncheck("sites", "list", "--server", service.url, CONNCHECK_TOKEN=service.token)

    assert listed.returncode == 0, listed.stderr
    (line,) = listed.stdout.splitlines()
    assert line.startswith("default workers=interactive:1,bulk:1 versions=")
    assert "lastSeen=" in line


def test_a_list_needs_a_file_or_a_service() -> None:
    """A listing of nothing would pass for a service without sites."""
    assert "--file or CONNCHECK_SITES_FILE, or --server" in refusal_of("list")
