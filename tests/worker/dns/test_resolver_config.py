import pytest

from tests.network.namespaces import in_own_network, own_files
from worker.dns.resolver_config import (
    MOST_NAMES,
    MOST_SERVERS,
    HostsEntry,
    ResolverConfig,
    hosts_entry,
    parse_hosts,
)


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", ResolverConfig(("127.0.0.1",))),
        ("nameserver 10.0.0.1\nnameserver fd00::1%eth0", None),
        ("# nameserver 10.0.0.9\n;nameserver 10.0.0.8", ResolverConfig(("127.0.0.1",))),
        ("nameserver rubbish\nnameserver", ResolverConfig(("127.0.0.1",))),
        ("domain a.example\nsearch B.example. c.example", None),
        ("options rotate ndots:3 timeout:1", ResolverConfig(("127.0.0.1",), ndots=3)),
        ("options ndots:999 ndots:x", ResolverConfig(("127.0.0.1",), ndots=15)),
    ],
)
def test_the_file_is_read_as_the_c_library_reads_it(
    text: str, config: ResolverConfig | None
) -> None:
    """Another reading would ask other name servers than the lookup that failed."""
    read = ResolverConfig.parse(text)

    if config:
        assert read == config
    elif "search" in text:
        assert read.search == ("b.example", "c.example")
    else:
        assert read.name_servers == ("10.0.0.1", "fd00::1%eth0")


def test_only_as_many_name_servers_count_as_are_asked() -> None:
    """The C library never asks a fourth one."""
    lines = [f"nameserver 10.0.0.{number}" for number in range(9)]

    assert len(ResolverConfig.parse("\n".join(lines)).name_servers) == MOST_SERVERS


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("cloud", ("cloud.a.example.", "cloud.b.example.", "cloud.")),
        ("cloud.c", ("cloud.c.", "cloud.c.a.example.", "cloud.c.b.example.")),
        ("cloud.c.", ("cloud.c.",)),
    ],
)
def test_the_names_are_those_that_are_looked_up(host: str, names: tuple[str, ...]) -> None:
    """What is appended to a short name is what surprises people."""
    assert ResolverConfig((), ("a.example", "b.example")).names_asked(host) == names


def test_a_name_that_would_be_too_long_is_not_asked_for() -> None:
    """The C library leaves it out too (RFC 1035 2.3.4)."""
    config = ResolverConfig((), ("a.example",))
    name = ".".join(["x" * 49] * 5)

    assert config.names_asked(name) == (f"{name}.",)


def test_of_an_endless_search_list_a_handful_counts() -> None:
    """Each name costs a query of the investigation's time."""
    config = ResolverConfig((), tuple(f"d{number}.example" for number in range(99)))

    assert len(config.names_asked("cloud")) == MOST_NAMES


def test_the_hosts_file_is_read_line_by_line() -> None:
    """The line's number is what somebody who mends it needs."""
    text = "# old\n10.0.0.7 Cloud.example.com cloud # 10.0.0.8 x\nrubbish cloud\n\nfd00::7 cloud\n"

    assert parse_hosts(text) == {
        "cloud.example.com": HostsEntry(2, ("10.0.0.7",)),
        "cloud": HostsEntry(2, ("10.0.0.7", "fd00::7")),
    }


def test_the_hosts_file_is_that_of_the_moment() -> None:
    """An operator who has mended it must not be told of the old line."""

    def look() -> tuple[HostsEntry | None, HostsEntry | None]:
        with own_files(hosts="10.0.0.7 cloud\n") as directory:
            before = hosts_entry("CLOUD.")
            (directory / "hosts").write_text("\n\n10.0.0.8 cloud\n")
            return before, hosts_entry("cloud")

    before, after = in_own_network(look)

    assert before == HostsEntry(1, ("10.0.0.7",))
    assert after == HostsEntry(3, ("10.0.0.8",))
