import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, suppress
from typing import Any

import pytest

from cli.service.supervised_process import Part
from shared.stop_signals import STOP_SIGNALS
from tests.running.service import poll

# A child that reports where it is, does as it is told, and ends when we hang up.
CHILD = """
import json, os, signal, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as parent:
    def say(*_):
        parent.sendall(b"told to stop\\n")
        if sys.argv[2] == "polite":
            sys.exit(7)
    signal.signal(signal.SIGTERM, say)
    told = {"pid": os.getpid(), "session": os.getsid(0), "variables": sorted(os.environ)}
    parent.sendall(json.dumps(told).encode() + b"\\n")
    while parent.recv(1):
        pass
sys.exit(3)
"""
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "ONLY": "this"}


class Child:
    """A started process, as it reported itself."""

    def __init__(self, told: dict[str, Any], connection: "Connection") -> None:
        self.pid: int = told["pid"]
        self.session: int = told["session"]
        self.variables: list[str] = told["variables"]
        self._reader, self._writer = connection

    async def says(self) -> str:
        """Return what it says next, empty when it has ended."""
        with suppress(ConnectionResetError):  # it was killed
            return (await self._reader.readline()).decode().strip()
        return ""

    def let_it_end(self) -> None:
        """Hang up, upon which it ends by itself with status 3."""
        self._writer.close()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Parent:
    """Where the children report themselves, and the part that starts them."""

    def __init__(self, part: Part, connections: "asyncio.Queue[Connection]") -> None:
        self.part = part
        self._connections = connections

    async def child(self) -> Child:
        """Return the next child, as soon as it is there."""
        reader, writer = await self._connections.get()
        return Child(json.loads(await reader.readline()), (reader, writer))


def with_part(
    story: Callable[[Parent], Awaitable[None]], manners: str = "polite", *, heeds_stdin: bool = True
) -> None:
    """Tell a story of a part, and leave no process behind."""

    async def told() -> None:
        connections: asyncio.Queue[Connection] = asyncio.Queue()
        writers: list[asyncio.StreamWriter] = []

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            connections.put_nowait((reader, writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = str(server.sockets[0].getsockname()[1])
        command = [sys.executable, "-c", CHILD, port, manners]
        part = Part(
            "worker", command, ENVIRONMENT, lambda: True, sys.stderr, heeds_stdin=heeds_stdin
        )
        try:
            async with server, asyncio.timeout(60):
                await story(Parent(part, connections))
                for writer in writers:  # the server waits for them, from Python 3.12 on
                    writer.close()
        finally:
            await part.stop()

    asyncio.run(told())


def test_a_process_runs_until_it_is_stopped() -> None:
    """Stopping is a request first, so that a worker can finish what it has."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        child = await parent.child()
        assert parent.part.exit_status is None

        await parent.part.stop()

        assert await child.says() == "told to stop"
        assert await child.says() == ""
        assert parent.part.exit_status == 7

    with_part(story)


def test_a_foreign_program_is_stopped_though_its_parent_holds_the_signals() -> None:
    """Redis inherits what `conncheck up` does with signals, and would have to be killed."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        child = await parent.child()

        await parent.part.stop()

        assert await child.says() == "told to stop"
        assert parent.part.exit_status == 7

    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        with_part(story, heeds_stdin=False)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def test_a_process_that_does_not_stop_is_killed() -> None:
    """`conncheck up` has to come to an end when it is told to."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        child = await parent.child()

        await parent.part.stop()

        assert await child.says() == "told to stop"
        assert parent.part.exit_status == -signal.SIGKILL

    with_part(story, manners="rude")


def test_a_process_that_dies_is_started_again_and_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A crash at night must not need a person, but it has to be seen in the morning."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        parent.part.keep_running()
        pids = set()
        for _ in range(3):
            child = await parent.child()
            pids.add(child.pid)
            child.let_it_end()
        assert len(pids) == 3

    with_part(story)

    restarts = capfd.readouterr().err.count("worker ended (status 3); restarting it")
    assert restarts >= 2


def test_a_process_is_started_again_though_nobody_reads_of_it() -> None:
    """A terminal is closed, or a log's reader ends; the service goes on."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        parent.part.keep_running()
        (await parent.child()).let_it_end()

        await parent.child()

    reads, writes = os.pipe()
    os.close(reads)
    unread = os.fdopen(writes, "w")
    with redirect_stderr(unread):
        with_part(story)
    with pytest.raises(BrokenPipeError):
        unread.close()


WAITS = """
import asyncio, sys, threading
from cli.service.supervised_process import Part, wait_without_threads

async def start():
    part = Part("worker", [sys.executable, "-c", "input()"], {}, lambda: True, sys.stderr)
    await part.start()
    print(threading.active_count())
    await part.stop()

wait_without_threads()
asyncio.run(start())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no pidfd")
def test_no_thread_is_needed_to_wait_for_a_process() -> None:
    """Where none is left, nobody would know of a process that runs already."""
    ran = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, timeout=60)

    assert (ran.stdout, ran.stderr) == ("1\n", "")


def test_a_process_that_was_stopped_is_not_started_again() -> None:
    """What is shut down must stay down, also when it was being kept."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        parent.part.keep_running()
        child = await parent.child()

        await parent.part.stop()
        await parent.part.stop()

        assert await child.says() == "told to stop"
        assert parent.part.exit_status == 7

    with_part(story)


def test_a_process_that_nobody_keeps_stays_dead() -> None:
    """While everything starts, a part that ends is a reason to give up."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        child = await parent.child()
        child.let_it_end()
        await asyncio.to_thread(poll, lambda: parent.part.exit_status is not None)

        assert parent.part.exit_status == 3

    with_part(story)


def test_what_was_never_started_can_be_stopped() -> None:
    """A start that fails half-way stops everything."""

    async def story(parent: Parent) -> None:
        assert parent.part.exit_status is None

        await parent.part.stop()

    with_part(story)


def test_a_process_has_a_session_of_its_own() -> None:
    """Ctrl-C in a terminal reaches the parent alone, which then stops the parts in turn."""

    async def story(parent: Parent) -> None:
        await parent.part.start()
        child = await parent.child()

        assert child.session == child.pid

    with_part(story)


def test_a_process_knows_only_what_it_is_given() -> None:
    """Each part is given the secrets that it needs, and nothing is inherited."""

    async def story(parent: Parent) -> None:
        await parent.part.start()

        assert (await parent.child()).variables == sorted(ENVIRONMENT)

    with_part(story)
