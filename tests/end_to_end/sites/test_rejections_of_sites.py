"""A key pair that one site's platform has rejected, at a service with several."""

from itertools import count
from pathlib import Path

from tests.running.service import Service, poll
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import ZstackNode, zstack_node


def test_what_a_site_s_platform_rejected_is_presented_by_no_other(tmp_path: Path) -> None:
    """A platform counts the attempts on an account from wherever they come, and locks it."""
    with (
        zstack_node() as (node, port),
        service_with_sites(tmp_path, "fra1") as (service, sites),
        sites.worker(service, "fra1"),
    ):
        of_both = Accounts(service, node, port)
        # The workers of both sites learn within seconds of their start how to tell each other.
        poll(of_both.are_copied)
        poll(of_both.are_withheld)


class Accounts:
    """Accounts of a platform that fra1 tests first, each with a wrong secret."""

    def __init__(self, service: Service, node: ZstackNode, port: int) -> None:
        self._service = service
        self._node = node
        self._endpoint = f"127.0.0.1:{port}"
        self._numbers = count()

    def are_copied(self) -> bool:
        """Have another one rejected; return whether the default site has been told of any."""
        self._rejected_at("fra1", self._new())
        return self._copies() > 0

    def are_withheld(self) -> bool:
        """Have another one rejected; return whether the default site does not present it."""
        account, before = self._new(), self._copies()
        self._rejected_at("fra1", account)
        poll(lambda: self._copies() > before)
        self._rejected_at("default", account)
        return self._node.judged.count(account) == 1

    def _new(self) -> str:
        account = f"AKID-{next(self._numbers)}"
        self._node.keys[account] = "RIGHT"
        return account

    def _rejected_at(self, site: str, account: str) -> None:
        told = self._service.test(self._endpoint, accessKey=account, options={"site": site})
        assert told.json()["success"] is False

    def _copies(self) -> int:
        with self._service.redis() as redis:
            return len([*redis.scan_iter("conncheck:rejected:*", _type="zset")])
