"""Tests of what a worker tells of itself."""

import math
from ipaddress import ip_address

import pytest

from shared.queue.queued_job import BULK
from shared.sites.worker_record import (
    FARTHEST_S,
    MOST_CANARIES,
    CanaryLook,
    WorkerRecord,
)
from tests.network.servers import hold, serving
from worker.consumer.own_record import OwnRecord
from worker.tcp.connection import TargetAddress

NOBODY = TargetAddress.parse("127.0.0.1", 1)


def test_it_says_which_canaries_answer() -> None:
    """A site whose own network is down is seen before anybody tests from it."""
    with serving(hold) as server:
        port = server.port
        own = OwnRecord(BULK, (TargetAddress.parse("127.0.0.1", port), NOBODY))
        assert own.as_it_is().canaries == ()

        own.look_at_canaries()

    found = [(look.port, look.answers) for look in own.as_it_is().canaries]
    assert found == [(port, True), (1, False)]


@pytest.mark.parametrize("ahead_s", [0.0, -3.25, 1e12, -math.inf])
def test_any_clock_can_be_told(ahead_s: float) -> None:
    """A machine without a battery begins in 1970."""
    own = OwnRecord(BULK)
    own.note_clock(ahead_s)

    told = WorkerRecord.read(own.as_it_is().text().encode())

    assert told
    assert told.clock_ahead_s == max(-FARTHEST_S, min(FARTHEST_S, ahead_s))


def test_no_more_canaries_are_told_than_are_read() -> None:
    """The record of a worker with many of them would be taken for a stranger's."""
    own = OwnRecord(BULK, [NOBODY] * (MOST_CANARIES + 1))
    own.look_at_canaries()

    assert len(own.as_it_is().canaries) == MOST_CANARIES


def test_the_longest_record_can_be_read() -> None:
    """What a worker of ours tells must not be taken for a stranger's."""
    far = ip_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    look = CanaryLook(address=far, port=65535, answers=False)
    record = WorkerRecord(
        queue="interactive",
        version="9" * 32,
        clock_ahead_s=-FARTHEST_S + 0.123,
        canaries=(look,) * MOST_CANARIES,
    )

    assert WorkerRecord.read(record.text().encode()) == record
