from ipaddress import ip_address

import pytest

from shared.endpoint import parse_endpoint
from shared.settings import Settings
from tests.network.namespaces import in_own_network
from worker.tcp.own_services import OwnServices


def own(*services: str) -> OwnServices:
    return OwnServices([parse_endpoint(service) for service in services])


def test_redis_and_the_broker_are_known_without_being_named() -> None:
    """B11: the store of all tenants is the last thing that one of them may probe."""
    settings = Settings.model_validate(
        {
            "redis_url": "rediss://:secret@10.0.0.5/0",
            "broker_url": "amqp://user:secret@10.0.0.6:5673//",
            "own_services": "10.0.0.7:8000",
        }
    )

    known = OwnServices.of(settings)

    assert known.hold(ip_address("10.0.0.5"), 6379)
    assert known.hold(ip_address("10.0.0.6"), 5673)
    assert known.hold(ip_address("10.0.0.7"), 8000)
    assert not known.hold(ip_address("10.0.0.5"), 443)
    assert not known.hold(ip_address("10.0.0.8"), 6379)


def test_a_unix_socket_is_nowhere() -> None:
    """No address leads to it."""
    settings = Settings.model_validate({"redis_url": "unix:///run/redis.sock?db=0"})

    assert not OwnServices.of(settings).hold(ip_address("127.0.0.1"), 6379)


def test_a_service_is_found_by_its_name() -> None:
    """Containers know each other by names."""
    assert own("localhost:6379").hold(ip_address("127.0.0.1"), 6379)
    assert not own("no-such-host.invalid:6379").hold(ip_address("127.0.0.1"), 6379)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::1]", "[::]"])  # noqa: S104 -- an API that listens on all
def test_what_listens_here_is_ours_at_every_address_of_this_machine(host: str) -> None:
    """Loopback is not the only way to oneself."""
    known = own(f"{host}:8000")

    assert known.hold(ip_address("127.0.0.2"), 8000)
    assert not known.hold(ip_address("127.0.0.2"), 8001)
    assert not known.hold(ip_address("192.0.2.1"), 8000)
    assert not known.hold(ip_address("2001:db8::1"), 8000)


def test_an_address_of_another_interface_is_ours_too() -> None:
    """A Redis on 0.0.0.0 is found at the machine's own address as well."""

    def look() -> tuple[bool, bool]:
        known = own("127.0.0.1:6379")
        held = (known.hold(ip_address(text), 6379) for text in ("10.7.7.7", "10.7.7.8"))
        return next(held), next(held)

    assert in_own_network(look, "addr add 10.7.7.7/32 dev lo") == (True, False)
