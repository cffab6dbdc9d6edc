import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from redis import Redis, ResponseError

from shared.store.connection import connect
from shared.store.errors import StoreUnreachableError
from shared.store.round_trips import Fill, RoundTrips, without_errors
from shared.store.scripts import Script
from shared.store.site_keys import DEFAULT_KEYS
from tests.network.tcp_proxy import TcpProxy, tcp_proxy
from tests.shared.store.round_trips import FEW, round_trips_of

WITHIN_S = 10
MANY = 50


class Line(deque[Any]):
    """Those who wait for their turn; it can be waited for them."""

    def __init__(self) -> None:
        super().__init__()
        self._came = Semaphore(0)

    def append(self, asked: object, /) -> None:
        """Let somebody stand in line."""
        super().append(asked)
        self._came.release()

    def wait_for(self, count: int) -> None:
        """Wait until so many more have come."""
        for _ in range(count):
            assert self._came.acquire(timeout=WITHIN_S)


class Crowd:
    """Threads that all have something for one Redis while it is busy."""

    def __init__(self, redis: Redis) -> None:
        self._line = Line()
        self.round_trips = RoundTrips(redis, self._line)

    def ask(self, fills: Sequence[Fill]) -> Sequence[Future[Sequence[Any]]]:
        """Return what became of each, all of which waited for the same turn."""
        with ThreadPoolExecutor(len(fills)) as pool, self._busy():
            asked = [pool.submit(self.round_trips.execute, fill) for fill in fills]
            self._line.wait_for(len(fills))
        return asked

    @contextmanager
    def _busy(self) -> Iterator[None]:
        is_busy, is_free = Event(), Event()

        def hold(_: Any) -> None:
            is_busy.set()
            assert is_free.wait(WITHIN_S)

        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(self.round_trips.execute, hold)
            self._line.wait_for(1)
            assert is_busy.wait(WITHIN_S)
            try:
                yield
            finally:
                is_free.set()
            holding.result(WITHIN_S)


def echo(text: str, times: int = 1) -> Fill:
    """Return what queues commands that are answered with `text` and a number each."""

    def fill(pipe: Any) -> None:
        for number in range(times):
            pipe.echo(f"{text}-{number}")

    return fill


COUNT = Script("return redis.call('INCR', KEYS[1])")


def counting(times: int = 1) -> Fill:
    """Return what counts in a script; it is answered with the counts."""

    def fill(pipe: Any) -> None:
        for _ in range(times):
            COUNT.queue(pipe, DEFAULT_KEYS, ["counted"], [])

    return fill


def break_down(_: Any) -> None:
    raise ZeroDivisionError


@pytest.fixture
def cuttable(redis_url: str) -> Iterator[tuple[Redis, TcpProxy]]:
    """Give a client of the real server, and the path between them."""
    with (
        tcp_proxy(Path(redis_url.removeprefix("unix://"))) as path,
        connect(f"redis://127.0.0.1:{path.port}") as redis,
    ):
        yield redis, path


def test_who_is_alone_is_answered(real_redis: Redis) -> None:
    """Nothing is waited for but Redis."""
    round_trips = RoundTrips(real_redis)

    assert round_trips.execute(echo("a")) == [b"a-0"]
    assert round_trips.execute(echo("b", 2)) == [b"b-0", b"b-1"]


def test_what_many_have_goes_in_one_round_trip(real_redis: Redis) -> None:
    """A round trip costs a worker more than the commands in it."""
    crowd = Crowd(real_redis)

    with round_trips_of(real_redis) as made:
        crowd.ask([echo(str(n)) for n in range(MANY)])

    assert made() <= FEW


def test_what_is_not_waited_for_goes_with_the_next_round_trip(real_redis: Redis) -> None:
    """Its answer is there when it is needed, and has cost no round trip of its own."""
    round_trips = RoundTrips(real_redis)

    with round_trips_of(real_redis) as made:
        for n in range(MANY):
            asked = round_trips.ask(echo(f"a{n}"))
            assert round_trips.execute(echo("b")) == [b"b-0"]
            assert asked.answer() == [f"a{n}-0".encode()]

    assert made() < MANY + FEW


def test_what_goes_with_no_other_round_trip_makes_its_own(real_redis: Redis) -> None:
    """A single thread may have nothing else to send."""
    assert RoundTrips(real_redis).ask(echo("a")).answer() == [b"a-0"]


def test_threads_that_ask_again_and_again_share_their_round_trips(real_redis: Redis) -> None:
    """One that has just been answered must not send alone, before those that wait."""
    round_trips, asks = RoundTrips(real_redis), range(50)

    def ask_often(text: str) -> None:
        for _ in asks:
            assert round_trips.execute(echo(text)) == [f"{text}-0".encode()]

    with round_trips_of(real_redis) as made, ThreadPoolExecutor(MANY) as pool:
        list(pool.map(ask_often, map(str, range(MANY))))

    assert made() < MANY * len(asks) / 4


def test_everybody_gets_their_own_results(real_redis: Redis) -> None:
    """They have queued different numbers of commands, some of them none."""
    asked = Crowd(real_redis).ask([echo(str(n), n % 4) for n in range(MANY)])

    for n, one in enumerate(asked):
        assert one.result() == [f"{n}-{i}".encode() for i in range(n % 4)]


def test_the_same_question_of_many_is_asked_once(real_redis: Redis) -> None:
    """Whether a replica has all takes as long as the replica does, each time that it is asked."""
    same = lambda pipe: pipe.incr("asked")  # noqa: E731 -- one and the same for all

    asked = Crowd(real_redis).ask([same, echo("a"), same, echo("b", 2), same])

    assert [one.result() for one in asked] == [[1], [b"a-0"], [1], [b"b-0", b"b-1"], [1]]


def test_everybody_gets_their_own_results_in_any_crowd(real_redis: Redis) -> None:
    """Nobody keeps an order among two hundred threads."""
    round_trips = RoundTrips(real_redis)

    def ask(n: int) -> bool:
        return all(
            round_trips.execute(echo(f"{n}-{i}", 2)) == [b"%d-%d-0" % (n, i), b"%d-%d-1" % (n, i)]
            for i in range(20)
        )

    with ThreadPoolExecutor(200) as pool:
        assert all(pool.map(ask, range(200)))


def test_who_asks_while_garbage_is_collected_breaks_nothing(real_redis: Redis) -> None:
    """A collection may begin anywhere, and run other threads: nobody would get an answer again."""
    trips = RoundTrips(real_redis)

    def fill(pipe: Any) -> None:
        for _ in range(30):  # a longer tuple than Python keeps for the next one
            trips.ask(ping)
        pipe.ping()

    def ask(*_: object) -> None:
        trips.ask(ping)

    usual = gc.get_threshold()
    gc.callbacks.append(ask)
    gc.set_threshold(1)
    try:
        trips.execute(fill)
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(ask)

    assert trips.execute(ping) == [True]


def ping(pipe: Any) -> None:
    pipe.ping()


def test_the_error_of_a_command_is_one_result_of_who_sent_it(real_redis: Redis) -> None:
    """Whoever sent something else has nothing to do with it."""
    real_redis.set("text", "x")

    def fill(pipe: Any) -> None:
        pipe.incr("text")
        pipe.get("text")

    before, wrong, after = Crowd(real_redis).ask([echo("a"), fill, echo("b")])

    error, text = wrong.result()
    assert isinstance(error, ResponseError)
    assert text == b"x"
    assert (before.result(), after.result()) == ([b"a-0"], [b"b-0"])


def connections_to(redis: Redis) -> int:
    """Return how many connections the server has accepted so far."""
    return int(redis.info("stats")["total_connections_received"])


@pytest.mark.parametrize("fall", [TcpProxy.cut, TcpProxy.stall], ids=["cut", "stalled"])
def test_an_outage_is_told_to_all_and_passes(
    cuttable: tuple[Redis, TcpProxy], real_redis: Redis, fall: Callable[[TcpProxy], None]
) -> None:
    """It costs one time-out, not one for each who waits."""
    redis, path = cuttable
    crowd = Crowd(redis)
    crowd.round_trips.execute(echo("before"))

    connected = connections_to(real_redis)
    fall(path)
    asked = crowd.ask([echo(str(n)) for n in range(MANY)])
    connected = connections_to(real_redis) - connected
    path.heal()

    assert all(isinstance(one.exception(), StoreUnreachableError) for one in asked)
    assert connected <= FEW  # a connection that gave no answer is not used again
    assert crowd.round_trips.execute(echo("after")) == [b"after-0"]


def test_what_a_crowd_was_not_answered_is_told_to_each_as_its_own_error(
    cuttable: tuple[Redis, TcpProxy],
) -> None:
    """Threads that raise the same object write into each other's tracebacks."""
    redis, path = cuttable
    path.cut()

    asked = Crowd(redis).ask([echo("a"), echo("b")])

    assert asked[0].exception() is not asked[1].exception()


def test_a_fill_that_breaks_is_told_to_all_and_passes(real_redis: Redis) -> None:
    """Nobody may wait for ever because of a bug of somebody else's; nothing was sent."""
    crowd = Crowd(real_redis)

    asked = crowd.ask([lambda pipe: pipe.set("sent", 1), break_down, echo("a")])

    assert [type(one.exception()) for one in asked] == [ZeroDivisionError] * 3
    assert not real_redis.exists("sent")
    assert [one.result() for one in crowd.ask([echo("b"), echo("c")])] == [[b"b-0"], [b"c-0"]]


def test_a_script_that_redis_has_forgotten_is_sent_with_its_text(real_redis: Redis) -> None:
    """A Redis that was started anew, or became the primary, knows only what it is told."""
    real_redis.script_flush()
    crowd = Crowd(real_redis)

    asked = crowd.ask([counting(), lambda pipe: pipe.incr("other"), counting(2)])

    assert [one.result() for one in asked] == [[1], [1], [2, 3]]
    with round_trips_of(real_redis) as made:
        assert crowd.round_trips.execute(counting()) == [4]
    assert made() <= FEW


def test_an_error_can_be_taken_for_an_outage(real_redis: Redis) -> None:
    """A store that may not write at the moment is as good as away."""
    real_redis.set("text", "x")
    round_trips = RoundTrips(real_redis)

    assert without_errors(round_trips.execute(lambda pipe: pipe.get("text"))) == [b"x"]
    with pytest.raises(StoreUnreachableError):
        without_errors(round_trips.execute(lambda pipe: pipe.incr("text")))
