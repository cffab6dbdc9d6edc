"""Tests of the check of a site's machine."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from cli.main import app
from shared.sealing import new_key_pair
from shared.signing import new_signing_pair
from shared.sites.published_site import PublishedSite
from shared.store.connection import connect
from shared.store.site_acl import acl_rule
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import SiteKeys
from tests.certificates.authority import Authority
from tests.network.servers import hold, serving
from tests.running.own_redis import OwnRedis

KEYS = SiteKeys.of("fra1")
PRIVATE, PUBLIC = new_key_pair()
NEXT_PRIVATE, NEXT_PUBLIC = new_key_pair()
_, VERIFYING = new_signing_pair()
_, OTHER_VERIFYING = new_signing_pair()
PUBLISHED = PublishedSite(
    name="fra1",
    title="Frankfurt",
    version=version("conncheck"),
    sealing_public_keys=(PUBLIC,),
    signing_public_key=VERIFYING,
    egress=("203.0.113.7",),
    silence_s=30,
)


@dataclass
class Machine:
    """A site's machine that is set up well, and the core's Redis."""

    redis: Redis
    resolv_conf: Path
    settings: dict[str, str] = field(default_factory=dict)

    def publish(self, **changes: object) -> None:
        """Have the API publish the site, with changes."""
        self.redis.set(KEYS.entry, PUBLISHED.model_copy(update=changes).text())

    def give(self, rule: str) -> None:
        """Give the site's user another rule."""
        self.redis.execute_command(  # type: ignore[no-untyped-call] # bare in redis-py
            "ACL", "SETUSER", "conncheck-fra1", *rule.split()
        )

    def check(self, **settings: str) -> tuple[int, Mapping[str, Mapping[str, str]]]:
        """Return the exit status, and what was found by the names of the checks."""
        command = ["site", "check", "--json", "--resolv-conf", str(self.resolv_conf)]
        result = CliRunner().invoke(app, command, env={**self.settings, **settings})
        return result.exit_code, {one["name"]: one for one in json.loads(result.stdout)}


@pytest.fixture
def machine(own_redis: OwnRedis, tmp_path: Path) -> Iterator[Machine]:
    """Give a machine on which nothing has to be fixed but its name server."""
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("# none\n")
    password = secrets.token_hex(8)
    with connect(own_redis.url) as redis:
        machine = Machine(redis, resolv_conf)
        machine.give(f"reset >{password} {acl_rule('fra1')}")
        machine.publish()
        for script in SCRIPTS_OF_WORKERS:
            redis.function_load(script.library)
        machine.settings = {
            "CONNCHECK_SITE": "fra1",
            "CONNCHECK_REDIS_URL": f"{own_redis.url}?username=conncheck-fra1&password={password}",
            "CONNCHECK_SEALING_PRIVATE_KEYS": PRIVATE,
            "CONNCHECK_SIGNING_PUBLIC_KEYS": VERIFYING,
        }
        yield machine


OF_THE_CORE = (
    "site",
    "redis",
    "rights",
    "rights of others",
    "functions",
    "queue",
    "declaration",
    "sealing keys",
    "signing keys",
    "version",
    "declared egress",
    "clock",
)


def test_a_machine_that_is_set_up_well_could_serve(machine: Machine) -> None:
    """All that it needs from the core is there; workers are started after the check."""
    _, found = machine.check()

    assert {name: found[name]["state"] for name in OF_THE_CORE} == dict.fromkeys(OF_THE_CORE, "ok")
    assert found["interactive workers"]["state"] == "warn"
    assert "conncheck worker --site fra1" in found["interactive workers"]["advice"]


def test_the_doctor_of_the_core_leads_to_this_check(machine: Machine) -> None:
    """A site's user may not see most of what it looks at, which is no fault of Redis."""
    command = ["doctor", "--json", "--resolv-conf", str(machine.resolv_conf)]
    result = CliRunner().invoke(app, command, env=machine.settings)
    found = {one["name"]: one for one in json.loads(result.stdout)}

    assert "`conncheck site check`" in found["site"]["advice"]
    assert found["redis"]["state"] == "skipped"
    assert "may not see" in found["redis"]["found"]


def test_a_rule_that_is_too_wide_has_to_be_fixed(machine: Machine) -> None:
    """It works, and so nobody would ever notice."""
    machine.give("~conncheck*")

    status, found = machine.check()

    assert (status, found["rights of others"]["state"]) == (1, "fail")
    assert "conncheck sites acl fra1" in found["rights of others"]["advice"]


def test_a_rule_that_is_too_narrow_has_to_be_fixed(machine: Machine) -> None:
    """The worker would wait for ever."""
    machine.give("-blmove")

    status, found = machine.check()

    assert (status, found["rights"]["found"]) == (1, "lacks BLMOVE (a key of the site)")


def test_a_url_without_the_sites_own_user_is_told_from_its_rule(
    machine: Machine, own_redis: OwnRedis
) -> None:
    """A rule for the site's user changes nothing for who signs in as another one."""
    status, found = machine.check(CONNCHECK_REDIS_URL=own_redis.url)

    advice = found["rights of others"]["advice"]
    assert (status, found["rights of others"]["state"]) == (1, "fail")
    assert "Use the user conncheck-fra1 in CONNCHECK_REDIS_URL" in advice
    assert "conncheck sites acl" not in advice


def test_functions_that_the_api_has_not_loaded_are_missed(machine: Machine) -> None:
    """An older API loads those of its own version."""
    machine.redis.function_flush()

    status, found = machine.check()

    assert (status, found["functions"]["state"]) == (1, "fail")


def test_a_wrong_password_is_told_from_a_redis_that_is_away(machine: Machine) -> None:
    """One is fixed at Redis, the other one in a firewall."""
    url = machine.settings["CONNCHECK_REDIS_URL"]
    _, wrong = machine.check(CONNCHECK_REDIS_URL=f"{url.partition('password=')[0]}password=x")
    _, away = machine.check(CONNCHECK_REDIS_URL="redis://127.0.0.1:1/0")

    assert "refuses the user or its password" in wrong["redis"]["found"]
    assert "refuses the connection" in away["redis"]["found"]
    assert url.partition("password=")[2] not in str(wrong)


def test_a_redis_with_a_certificate_of_a_stranger_is_not_spoken_to(
    machine: Machine, authority: Authority
) -> None:
    """The password would go to whoever answers."""
    with serving(hold, tls=authority.server("localhost")) as server:
        url = f"rediss://conncheck-fra1:x@localhost:{server.port}/0"
        _, found = machine.check(CONNCHECK_REDIS_URL=url)
        _, careless = machine.check(CONNCHECK_REDIS_URL=f"{url}?ssl_cert_reqs=none")

    assert "is not trusted" in found["redis"]["found"]
    assert "ssl_ca_certs" in found["redis"]["advice"]
    assert found["encryption"]["state"] == "ok"
    assert careless["encryption"]["state"] == "fail"


def test_a_certificate_is_told_from_its_name_and_from_its_file(
    machine: Machine, authority: Authority, tmp_path: Path
) -> None:
    """Each is mended in another place, and none of them by opening a firewall."""
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_text(authority.pem)
    theirs.write_text(Authority().pem)
    none = tmp_path / "none.pem"
    with serving(hold, tls=authority.server("localhost")) as server:
        redis = f"{server.port}/0?ssl_ca_certs="

        def says(host: str, file: Path) -> str:
            url = f"rediss://conncheck-fra1:x@{host}:{redis}{file}"
            return machine.check(CONNCHECK_REDIS_URL=url)[1]["redis"]["found"]

        assert f"was not issued by an authority in {theirs}" in says("localhost", theirs)
        assert "is for another name" in says("127.0.0.1", ours)
        assert f"{none}, the ssl_ca_certs of the URL, is no file" in says("localhost", none)


def test_the_port_of_redis_without_tls_is_told_from_a_firewall(
    machine: Machine, tmp_path: Path
) -> None:
    """Such a Redis waits for the rest of a line, so the connection is open and silent."""
    (tmp_path / "ca.pem").write_text(Authority().pem)
    with serving(hold) as silent:
        url = f"rediss://x:y@localhost:{silent.port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"

        status, found = machine.check(CONNCHECK_REDIS_URL=url)

    assert status == 1
    assert "does not answer with TLS" in found["redis"]["found"]
    assert "tls-port" in found["redis"]["advice"]


@pytest.mark.parametrize("site", ["sin1", "default"])
def test_the_user_of_another_site_is_told_from_functions_that_are_missing(
    machine: Machine,
    site: str,
) -> None:
    """Only the name is wrong: functions, queue and declaration can't be asked for."""
    status, found = machine.check(CONNCHECK_SITE=site)

    assert status == 1
    says = f"the user conncheck-fra1 may not read the keys of the site {site}"
    assert says in found["rights"]["found"]
    assert "CONNCHECK_SITE" in found["rights"]["advice"]
    assert not {"functions", "queue", "declaration", "interactive workers"} & set(found)


@pytest.mark.parametrize(
    ("changes", "settings", "name", "state", "says"),
    [
        ({}, {"CONNCHECK_SEALING_PRIVATE_KEYS": NEXT_PRIVATE}, "sealing keys", "fail", "opens"),
        ({"sealing_public_keys": (PUBLIC, NEXT_PUBLIC)}, {}, "sealing keys", "warn", "next key"),
        ({"signing_public_key": OTHER_VERIFYING}, {}, "signing keys", "fail", "none is that"),
        ({"signing_public_key": None}, {}, "signing keys", "fail", "signs no jobs"),
        ({}, {"CONNCHECK_SIGNING_PUBLIC_KEYS": ""}, "signing keys", "fail", "no public key"),
        ({"version": "99.0.0"}, {}, "version", "warn", "the API has 99.0.0"),
        ({"egress": ()}, {}, "declared egress", "warn", "no public address"),
    ],
)
def test_what_does_not_fit_the_core_is_named(
    machine: Machine,
    changes: Mapping[str, object],
    settings: Mapping[str, str],
    name: str,
    state: str,
    says: str,
) -> None:
    """Else the first test from this site would tell, to somebody who can't fix it."""
    machine.publish(**changes)

    _, found = machine.check(**settings)

    assert found[name]["state"] == state
    assert says in found[name]["found"]


def test_a_site_that_the_api_does_not_know_is_named(machine: Machine) -> None:
    """Its file of sites may be an older one."""
    machine.redis.delete(KEYS.entry)

    status, found = machine.check()

    assert status == 1
    assert "has not published the site fra1" in found["declaration"]["found"]
    assert "sealing keys" not in found


def test_a_canary_is_connected_to_and_nothing_else(machine: Machine) -> None:
    """It is the operator's own; a service that calls elsewhere is not let into a closed network."""
    _, without = machine.check()
    with serving(hold) as server:
        _, found = machine.check(CONNCHECK_CANARIES=f"127.0.0.1:{server.port}")
    status, silent = machine.check(CONNCHECK_CANARIES="127.0.0.1:1")

    assert without["canaries"]["state"] == "skipped"
    assert found["canary"]["state"] == "ok"
    assert (status, silent["canary"]["state"]) == (1, "fail")


def test_a_name_that_is_given_must_be_found(machine: Machine) -> None:
    """Whether a site's own names resolve is what its tests depend on."""
    base = ["site", "check", "--json", "--resolv-conf", str(machine.resolv_conf)]

    def found(name: str) -> str:
        result = CliRunner().invoke(app, [*base, "--resolve", name], env=machine.settings)
        return next(str(c["state"]) for c in json.loads(result.stdout) if c["name"] == "name")

    assert found("localhost") == "ok"
    assert found("a..b") == "fail"
