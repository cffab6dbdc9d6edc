"""What the code is said to read is what it reads, or the tests of the deployments prove nothing."""

from shared.settings import setting_names
from tests.deploy.settings_read import (
    API,
    DIRECTORIES,
    WORKER,
    settings_read_by,
    settings_that_name_files,
)


def test_each_setting_is_read_by_a_part() -> None:
    """A setting that is read in a way that isn't recognized would be missed by no test."""
    assert settings_read_by(API) | settings_read_by(WORKER) == set(setting_names())


def test_settings_are_found_behind_properties_and_in_the_command() -> None:
    """Some are read by Settings itself, others before the part starts."""
    both = settings_read_by(API) & settings_read_by(WORKER)

    assert {"CONNCHECK_REQUIRE_TLS", "CONNCHECK_BROKER_URL", "CONNCHECK_LOG_LEVEL"} <= both


def test_what_one_part_alone_reads_is_not_ascribed_to_the_other() -> None:
    """The keys and the tokens must not meet in one process."""
    assert "CONNCHECK_SEALING_PRIVATE_KEYS" in settings_read_by(WORKER) - settings_read_by(API)
    assert "CONNCHECK_TOKENS" in settings_read_by(API) - settings_read_by(WORKER)


def test_each_file_that_a_setting_names_has_a_directory() -> None:
    """In a container, the path of a file that isn't mounted names nothing."""
    assert set(DIRECTORIES) == settings_that_name_files()
