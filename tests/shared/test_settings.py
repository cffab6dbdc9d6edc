from base64 import b64encode
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from shared.settings import PREFIX, Settings, setting_names

SECRET = "hunter2-hunter2"
NEW, OLD = (b64encode(bytes([number] * 32)).decode() for number in (1, 2))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)


def test_everything_has_a_default() -> None:
    """`conncheck up` works on a machine that nobody prepared."""
    settings = Settings.of_environment()

    assert settings.redis_url is None
    assert settings.queue_url is None
    assert settings.allowed_networks == ()
    assert settings.job_deadline_s == 30


def test_a_url_that_lacks_the_s_of_rediss_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its options, which may be secret, it looks like one that is right."""
    url = f"redis://conncheck-fra1:{SECRET}@redis.example.com:6380/0?ssl_ca_certs=/redis.crt"
    monkeypatch.setenv("CONNCHECK_REDIS_URL", url)

    with pytest.raises(ValidationError) as raised:
        Settings.of_environment()

    (error,) = raised.value.errors(include_input=False)
    assert "only rediss:// takes" in error["msg"]
    assert SECRET not in error["msg"]
    monkeypatch.setenv("CONNCHECK_REDIS_URL", "redis://:ssl_@redis.example.com:6379/0")
    assert Settings.of_environment().redis_url


def test_case_does_not_matter_in_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tools that write unit files and manifests use lower case."""
    monkeypatch.setenv("conncheck_max_queued", "7")

    assert Settings.of_environment().max_queued == 7


def test_networks_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic would ask for JSON, which nobody writes into a unit file."""
    monkeypatch.setenv("CONNCHECK_ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128,,10.1.2.3")

    assert Settings.of_environment().allowed_networks == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("10.1.2.3/32"),
    )


@pytest.mark.parametrize("value", ["10.0.0.0/33", "localhost", "127.0.0.1/8", "0x7f000001"])
def test_a_network_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A hole in the guard must be spelled exactly."""
    monkeypatch.setenv("CONNCHECK_ALLOWED_NETWORKS", value)

    with pytest.raises(ValidationError, match="allowed_networks"):
        Settings.of_environment()


def test_tokens_and_keys_are_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are rotated by putting the new one before the old one."""
    monkeypatch.setenv("CONNCHECK_TOKENS", "alice:a, bob:sha256:00ff,")
    monkeypatch.setenv("CONNCHECK_SEALING_PRIVATE_KEYS", f"{NEW}, {OLD},")

    settings = Settings.of_environment()

    tokens = [token.get_secret_value() for token in settings.tokens]
    keys = [key.get_secret_value() for key in settings.sealing_private_keys]
    assert tokens == ["alice:a", "bob:sha256:00ff"]
    assert keys == [NEW, OLD]


def test_the_queue_lives_in_the_store_unless_a_broker_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One Redis is enough to begin with."""
    monkeypatch.setenv("CONNCHECK_REDIS_URL", "redis://store")
    assert Settings.of_environment().queue_url == "redis://store"

    monkeypatch.setenv("CONNCHECK_BROKER_URL", "amqp://broker")
    assert Settings.of_environment().queue_url == "amqp://broker"


@pytest.mark.parametrize(
    "url",
    [
        "redis://other",
        "amqp://user:password@h:5672//",
        "amqps://h",
        "amqp://one:5672//;amqp://two:5672//",
    ],
)
def test_the_queue_may_have_a_broker_of_either_kind(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A cluster of RabbitMQ is several URLs in one."""
    monkeypatch.setenv("CONNCHECK_BROKER_URL", url)

    assert Settings.of_environment().queue_url == url


def test_an_empty_broker_or_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file that passes a variable on passes an empty one where it is not set."""
    monkeypatch.setenv("CONNCHECK_REDIS_URL", "redis://store")
    for name in ("BROKER_URL", "SEALING_PUBLIC_KEY", "SEALING_PRIVATE_KEYS"):
        monkeypatch.setenv(PREFIX + name, "")

    settings = Settings.of_environment()

    assert settings.queue_url == "redis://store"
    assert not settings.sealing_public_key
    assert settings.sealing_private_keys == ()


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("REDIS_URL", f"redis://:{SECRET}@h"),
        ("BROKER_URL", f"amqp://guest:{SECRET}@h"),
        ("TOKENS", f"alice:{SECRET}"),
        ("SEALING_PRIVATE_KEYS", NEW),
    ],
)
def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, secret: str) -> None:
    """Settings are printed and logged when something is wrong with them."""
    monkeypatch.setenv(PREFIX + name, secret)

    settings = Settings.of_environment()

    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert secret not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEALING_PUBLIC_KEY", NEW[1:]),
        ("SEALING_PRIVATE_KEYS", f"{NEW},{OLD[1:]}"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "h:6379"),
        ("REDIS_URL", "amqp://h"),
        ("BROKER_URL", "h:5672"),
        ("BROKER_URL", "sqs://"),
        ("BROKER_URL", "amqp://h:port"),
        ("BROKER_URL", "redis://h:port"),
    ],
)
def test_a_key_or_a_url_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A service that starts with it would fail at every job instead."""
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings.of_environment()


@pytest.mark.parametrize(
    "name", ["JOB_DEADLINE_S", "RESULT_TTL_S", "WORKER_SLOTS", "MAX_BODY_BYTES"]
)
def test_an_error_names_the_setting_but_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A secret that was put into the wrong variable must not end up in a log."""
    monkeypatch.setenv(PREFIX + name, SECRET)

    with pytest.raises(ValidationError) as caught:
        Settings.of_environment()

    assert name.lower() in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_DEADLINE_S", "0"),
        ("JOB_DEADLINE_S", "601"),
        ("RESULT_TTL_S", "0"),
        ("WORKER_SLOTS", "-1"),
        ("WORKER_SLOTS", "2001"),
        ("MAX_BODY_BYTES", "0"),
    ],
)
def test_a_number_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A budget of zero would fail every test."""
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings.of_environment()


def test_every_setting_is_described() -> None:
    """The help text is generated from here."""
    names = setting_names()

    assert set(names) == {PREFIX + field.upper() for field in Settings.model_fields}
    assert all(names.values())


def test_rules_for_sites_are_checked_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is read only when its endpoint comes would be noticed by its victim."""
    monkeypatch.setenv("CONNCHECK_SITE_RULES", "fra1=10.20.0.0/16")
    assert Settings.of_environment().site_rules == "fra1=10.20.0.0/16"

    monkeypatch.setenv("CONNCHECK_SITE_RULES", "fra1=10.20.0.0/16; sin1=10.20.0.0/16")
    with pytest.raises(ValidationError, match=r"10\.20\.0\.0/16 can't belong to two sites"):
        Settings.of_environment()
