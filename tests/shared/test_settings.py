from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from shared.settings import PREFIX, Settings, setting_names

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)


def test_everything_has_a_default() -> None:
    """`conncheck up` works on a machine that nobody prepared."""
    settings = Settings()

    assert settings.redis_url is None
    assert settings.queue_url is None
    assert settings.allowed_networks == ()
    assert settings.job_deadline_s == 30


def test_networks_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic would ask for JSON, which nobody writes into a unit file."""
    monkeypatch.setenv("CONNCHECK_ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128,,10.1.2.3")

    assert Settings().allowed_networks == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("10.1.2.3/32"),
    )


@pytest.mark.parametrize("value", ["10.0.0.0/33", "localhost", "127.0.0.1/8", "0x7f000001"])
def test_a_network_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A hole in the guard must be spelled exactly."""
    monkeypatch.setenv("CONNCHECK_ALLOWED_NETWORKS", value)

    with pytest.raises(ValidationError, match="allowed_networks"):
        Settings()


def test_tokens_and_keys_are_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are rotated by putting the new one before the old one."""
    monkeypatch.setenv("CONNCHECK_TOKENS", "alice:a, bob:sha256:00ff,")
    monkeypatch.setenv("CONNCHECK_SEALING_PRIVATE_KEYS", "new=,old=")

    settings = Settings()

    tokens = [token.get_secret_value() for token in settings.tokens]
    keys = [key.get_secret_value() for key in settings.sealing_private_keys]
    assert tokens == ["alice:a", "bob:sha256:00ff"]
    assert keys == ["new=", "old="]


def test_the_queue_lives_in_the_store_unless_a_broker_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One Redis is enough to begin with."""
    monkeypatch.setenv("CONNCHECK_REDIS_URL", "redis://store")
    assert Settings().queue_url == "redis://store"

    monkeypatch.setenv("CONNCHECK_BROKER_URL", "amqp://broker")
    assert Settings().queue_url == "amqp://broker"


@pytest.mark.parametrize("name", ["REDIS_URL", "BROKER_URL", "TOKENS", "SEALING_PRIVATE_KEYS"])
def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Settings are printed and logged when something is wrong with them."""
    monkeypatch.setenv(PREFIX + name, f"redis://:{SECRET}@h")

    settings = Settings()

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump())
    assert SECRET not in settings.model_dump_json()


@pytest.mark.parametrize(
    "name", ["JOB_DEADLINE_S", "RESULT_TTL_S", "WORKER_SLOTS", "MAX_BODY_BYTES"]
)
def test_an_error_names_the_setting_but_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A secret that was put into the wrong variable must not end up in a log."""
    monkeypatch.setenv(PREFIX + name, SECRET)

    with pytest.raises(ValidationError) as caught:
        Settings()

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
        Settings()


def test_every_setting_is_described() -> None:
    """The help text is generated from here."""
    names = setting_names()

    assert set(names) == {PREFIX + field.upper() for field in Settings.model_fields}
    assert all(names.values())
