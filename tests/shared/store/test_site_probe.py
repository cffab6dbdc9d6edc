"""Tests of what a site's machine finds of its rights in Redis."""

import secrets
from collections.abc import Iterator

import pytest
from redis import Redis

from shared.sites.published_site import PublishedSite
from shared.store.connection import connect
from shared.store.errors import StoreUnreachableError
from shared.store.site_acl import COMMANDS, acl_rule
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import SiteKeys
from shared.store.site_probe import UNASKED, probe_site
from tests.running.own_redis import OwnRedis

KEYS = SiteKeys.of("fra1")
PASSWORD = secrets.token_hex(8)


@pytest.fixture
def administrator(own_redis: OwnRedis) -> Iterator[Redis]:
    """Give a connection that may do everything."""
    with connect(own_redis.url) as redis:
        yield redis


def url_of(own_redis: OwnRedis, administrator: Redis, rule: str) -> str:
    """Return the URL of a user with `rule`."""
    administrator.execute_command(  # type: ignore[no-untyped-call] # bare in redis-py
        "ACL", "SETUSER", "conncheck-fra1", "reset", f">{PASSWORD}", *rule.split()
    )
    return f"{own_redis.url}?username=conncheck-fra1&password={PASSWORD}"


def test_the_rule_that_we_print_is_right_and_no_wider(
    own_redis: OwnRedis, administrator: Redis
) -> None:
    """What `conncheck sites acl` prints is what its check asks for."""
    url = url_of(own_redis, administrator, acl_rule("fra1"))

    found = probe_site(url, "fra1")

    assert (found.denied, found.allowed) == ((), ())
    assert found.functions_missing == len(SCRIPTS_OF_WORKERS)
    assert abs(found.clock_ahead_s) < 1


@pytest.mark.parametrize(
    ("added", "allowed"),
    [
        ("~conncheck*", "SET (a key of others)"),
        ("%R~*", "GET (a key of others)"),
        ("&*", "PUBLISH (a channel of others)"),
        ("~conncheck:*", "SET (a key of the site default)"),
        ("%R~conncheck:job:* %R~conncheck:c*", "GET (a key of the site default)"),
        ("&conncheck:*", "PUBLISH (a channel of the site default)"),
        ("~conncheck@*", "GET (a key of another site)"),
        ("~conncheck@fra1*", "SET (a key of another site)"),
        ("+multi", "MULTI"),
        ("+eval", "EVAL"),
        ("+config|get", "CONFIG GET"),
        ("+keys ~*", "KEYS (a key of others)"),
        ("+flushall", "FLUSHALL"),
        ("+function|load", "FUNCTION LOAD"),
        ("+shutdown", "SHUTDOWN"),
    ],
)
def test_a_rule_that_is_too_wide_is_found(
    own_redis: OwnRedis, administrator: Redis, added: str, allowed: str
) -> None:
    """A site whose user may do more is one stolen password away from all others."""
    url = url_of(own_redis, administrator, f"{acl_rule('fra1')} {added}")

    assert allowed in probe_site(url, "fra1").allowed


@pytest.mark.parametrize("command", sorted({*COMMANDS} - UNASKED))
def test_a_command_that_is_missing_is_found(
    own_redis: OwnRedis, administrator: Redis, command: str
) -> None:
    """A worker without one of them starts, and fails at its first job."""
    without = acl_rule("fra1").replace(f" +{command} ", " ").removesuffix(f" +{command}")

    (denied,) = probe_site(url_of(own_redis, administrator, without), "fra1").denied

    assert denied.partition(" (")[0].upper() == command.replace("|", " ").upper()


def test_whoever_may_do_everything_changes_nothing(
    own_redis: OwnRedis, administrator: Redis
) -> None:
    """The check runs against a Redis in use, perhaps with the rights of an administrator."""
    administrator.set("conncheck:job:1", "x")
    changes = administrator.info("persistence")["rdb_changes_since_last_save"]

    found = probe_site(own_redis.url, "fra1")

    assert {"FLUSHALL", "SWAPDB", "EVAL", "SHUTDOWN", "REPLICAOF"} <= set(found.allowed)
    assert administrator.info("persistence")["rdb_changes_since_last_save"] == changes
    assert administrator.info("replication")["role"] == "master"
    assert administrator.keys() == [b"conncheck:job:1"]


def test_a_rule_for_another_site_is_too_narrow(own_redis: OwnRedis, administrator: Redis) -> None:
    """A worker with it would wait for ever for a queue that it may not read."""
    url = url_of(own_redis, administrator, acl_rule("sin1"))

    found = probe_site(url, "fra1")

    assert "GET (a key of the site)" in found.denied
    assert "BLMOVE (a key of the site)" in found.denied
    assert (found.is_published, found.published, found.served) == (False, None, ())


def test_what_the_api_publishes_and_which_workers_are_alive_is_found(
    own_redis: OwnRedis, administrator: Redis
) -> None:
    """That is all that the machine can know of the core."""
    url = url_of(own_redis, administrator, acl_rule("fra1"))
    published = PublishedSite(
        name="fra1", version="2.1.0", sealing_public_keys=("key",), silence_s=30
    )
    administrator.set(KEYS.entry, published.text())
    administrator.set(KEYS.sign_of_queue("bulk"), 1)

    found = probe_site(url, "fra1")

    assert (found.published, found.served) == (published, ("bulk",))


def test_functions_that_are_loaded_are_found_without_being_run(
    own_redis: OwnRedis, administrator: Redis
) -> None:
    """Without them a worker of the site waits as if Redis were away."""
    url = url_of(own_redis, administrator, acl_rule("fra1"))
    for script in SCRIPTS_OF_WORKERS:
        administrator.function_load(script.library)

    assert probe_site(url, "fra1").functions_missing == 0
    assert administrator.keys() == []


def test_a_wrong_password_is_no_outage_that_hangs(own_redis: OwnRedis) -> None:
    """It is the usual mistake of the first try."""
    with pytest.raises(StoreUnreachableError):
        probe_site(f"{own_redis.url}?username=conncheck-fra1&password=wrong", "fra1")
