from collections import Counter
from threading import Barrier, Lock, Thread

from cli.bulk.local_turns import LocalTurns


def test_a_target_is_at_work_no_more_often_than_it_may() -> None:
    """A small management node must survive a file with a thousand rows of it."""
    turns = LocalTurns([("slow", n) for n in range(3)], per_target=2)

    first, second = turns.take(), turns.take()
    taken: list[object] = []
    waiting = Thread(target=lambda: taken.append(turns.take()))
    waiting.start()
    assert taken == []
    turns.give_back("slow")
    waiting.join(10)

    assert [first, second] == [("slow", 0), ("slow", 1)]
    assert taken == [("slow", 2)]


def test_a_busy_target_does_not_hold_up_the_others() -> None:
    """One dead address in the first rows would stop the whole file."""
    turns = LocalTurns([("dead", 1), ("dead", 2), ("alive", 3)], per_target=1)

    assert turns.take() == ("dead", 1)
    assert turns.take() == ("alive", 3)


def test_there_is_an_end() -> None:
    """Threads that wait must learn that nothing comes any more."""
    turns = LocalTurns([("a", 1)], per_target=1)

    assert turns.take() == ("a", 1)
    assert turns.take() is None


def test_who_waits_is_told_of_an_early_end() -> None:
    """Ctrl-C must not leave threads behind that wait for their turn."""
    turns = LocalTurns([("a", 1), ("a", 2)], per_target=1)
    turns.take()
    taken: list[object] = []
    waiting = Thread(target=lambda: taken.append(turns.take()))
    waiting.start()

    turns.end()
    waiting.join(10)

    assert taken == [None]


def test_everything_is_handed_out_once_to_many_threads() -> None:
    """No row may be tested twice, and none forgotten."""
    turns = LocalTurns([(f"t{n % 7}", n) for n in range(700)], per_target=2)
    seen: list[int] = []
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock, together = Lock(), Barrier(16)

    def work() -> None:
        together.wait(10)
        while taken := turns.take():
            target, number = taken
            with lock:
                seen.append(number)
                busy[target] += 1
                most[target] = max(most[target], busy[target])
            with lock:
                busy[target] -= 1
            turns.give_back(target)

    threads = [Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(seen) == list(range(700))
    assert max(most.values()) <= 2
