"""Redis' disk, and a crowd that waits for it."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from redis import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

from shared.store.append_only_file import AppendOnlyFile
from shared.store.connection import MOST_AT_ONCE, connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate

T = TypeVar("T")
CROWD = 300  # more than may have a connection each
BUSY, IDLE = (b"$25\r\naof_pending_bio_fsync:%d\r\n\r\n" % count for count in (1, 0))
NO_TEXT = b"$-1\r\n"  # which nobody expects of INFO
DENIED = b"-NOPERM no permissions\r\n"
NOTHING = b""  # ends the connection


@dataclass
class Disk:
    """A stand-in for a Redis; it answers INFO in turn, and with the last answer for ever."""

    looks: list[bytes] = field(default_factory=lambda: [IDLE])
    forgets: frozenset[bytes] = frozenset()
    exists: bytes | None = None
    connections: int = 0
    asked: list[bytes] = field(default_factory=list)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Let every look go on at first."""
        self.go_on.set()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one connection's commands."""
        self.connections += 1
        with suppress(ConnectionError):
            while count := (await reader.readline())[1:]:
                words = [await _word(reader) for _ in range(int(count))]
                if not (answer := await self._answer(*words)):
                    break
                writer.write(answer)
        writer.close()

    async def _answer(self, command: bytes, *arguments: bytes) -> bytes:
        if command == b"EXISTS":
            self.asked.append(arguments[0])
            return self.exists or b":%d\r\n" % (arguments[0] not in self.forgets)
        if command == b"INFO":
            self.asked.append(command)
            answer = self.looks[min(self.asked.count(b"INFO"), len(self.looks)) - 1]
            self.looked.set()
            await self.go_on.wait()
            return answer
        return b"+OK\r\n"


async def _word(reader: StreamReader) -> bytes:
    length = int((await reader.readline())[1:])
    return (await reader.readexactly(length + 2))[:-2]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Disk, Callable[[AppendOnlyFile], Awaitable[T]]], T]:
    """Give the way to ask the file of a stand-in."""

    async def asked(disk: Disk, call: Callable[[AppendOnlyFile], Awaitable[T]]) -> T:
        path = tmp_path / "redis.sock"
        server = await asyncio.start_unix_server(disk.serve, path)
        async with server, connect_async(f"unix://{path}") as client:
            return await call(AppendOnlyFile(RedisGate(client)))

    return lambda disk, call: asyncio.run(asked(disk, call))


Ask = Callable[[Disk, Callable[[AppendOnlyFile], Awaitable[T]]], T]


async def crowd(file: AppendOnlyFile) -> list[BaseException | None]:
    """Return what each of a crowd is told."""
    waits = (file.wait_for(str(number)) for number in range(CROWD))
    return await asyncio.gather(*waits, return_exceptions=True)


async def refuses(file: AppendOnlyFile) -> bool:
    """Return whether a caller is refused."""
    with suppress(StoreUnreachableError):
        await file.wait_for("key")
        return False
    return True


def test_a_crowd_that_waits_for_the_disk_is_no_outage(ask: Ask[list[BaseException | None]]) -> None:
    """All look together; connections would run out if each looked for itself."""
    disk = Disk([BUSY, BUSY, BUSY, IDLE])

    assert ask(disk, crowd) == [None] * CROWD

    assert disk.asked[:4] == [b"INFO"] * 4
    assert sorted(disk.asked[4:]) == sorted(b"%d" % number for number in range(CROWD))
    assert disk.connections <= 2 * MOST_AT_ONCE


def test_only_those_whose_key_is_gone_are_refused(ask: Ask[list[BaseException | None]]) -> None:
    """A Redis that was killed forgets the last that it was told."""
    told = ask(Disk([BUSY, IDLE], forgets=frozenset({b"7"})), crowd)

    assert [number for number, error in enumerate(told) if error] == [7]
    assert isinstance(told[7], StoreUnreachableError)


def test_who_comes_during_a_look_is_told_by_the_next_one(ask: Ask[None]) -> None:
    """That look may have found an idle disk before the write."""
    disk = Disk()

    async def come_later(file: AppendOnlyFile) -> None:
        disk.go_on.clear()
        early = asyncio.create_task(file.wait_for("early"))
        await disk.looked.wait()
        late = asyncio.create_task(file.wait_for("late"))
        await asyncio.sleep(0)  # until it waits
        disk.go_on.set()
        await asyncio.gather(early, late)

    ask(disk, come_later)

    looks = [place for place, what in enumerate(disk.asked) if what == b"INFO"]
    assert len(looks) == 2
    assert looks[1] < disk.asked.index(b"late")


def test_who_gives_up_takes_nobody_along(ask: Ask[None]) -> None:
    """Callers hang up while they wait."""
    disk = Disk()

    async def give_up(file: AppendOnlyFile) -> None:
        disk.go_on.clear()
        first, second = (asyncio.create_task(file.wait_for(key)) for key in ("first", "second"))
        await disk.looked.wait()
        first.cancel()
        await asyncio.wait({first})
        disk.go_on.set()
        await second

    ask(disk, give_up)

    assert disk.asked == [b"INFO", b"second"]


def test_a_redis_that_may_not_be_asked_of_its_disk_is_believed(ask: Ask[None]) -> None:
    """An operator may deny INFO; without it nothing can be known, and nothing was refused."""
    disk = Disk([DENIED])

    ask(disk, lambda file: file.wait_for("key"))

    assert disk.asked == [b"INFO", b"key"]


@pytest.mark.parametrize("forgets", [frozenset(), frozenset({b"key"})])
@pytest.mark.parametrize("look", [BUSY, NO_TEXT], ids=["busy", "no text"])
def test_a_disk_that_is_never_seen_idle_is_waited_for_as_long_as_redis_does(
    ask: Ask[bool], look: bytes, forgets: frozenset[bytes]
) -> None:
    """Then Redis writes nevertheless; but a Redis that was killed meanwhile still has no key."""
    disk = Disk([look], forgets)

    is_refused = ask(disk, refuses)

    assert is_refused == bool(forgets)
    assert disk.asked[-1] == b"key"


@pytest.mark.parametrize(
    ("looks", "exists", "reason"),
    [
        ([NOTHING], None, RedisConnectionError),
        ([IDLE], DENIED, NoPermissionError),
        ([BUSY, NOTHING], None, RedisConnectionError),
    ],
    ids=["cut off", "denied", "cut off later"],
)
def test_what_could_not_be_learned_is_refused_with_its_reason(
    ask: Ask[list[BaseException | None]],
    looks: list[bytes],
    exists: bytes | None,
    reason: type[Exception],
) -> None:
    """A caller must not be told that a job is kept if nobody knows."""
    for told in ask(Disk(looks, exists=exists), crowd):
        assert isinstance(told, StoreUnreachableError)
        assert isinstance(told.__cause__, reason)
