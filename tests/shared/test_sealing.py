from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing import CannotOpenError, Opener, Sealer, new_key_pair, public_key_of

PRIVATE, PUBLIC = new_key_pair()
SECRET = b"secret-value-xyz"
JOB = "4f2a"


@given(content=st.binary(max_size=2000), job_id=st.text(max_size=40))
def test_a_worker_opens_what_was_sealed_for_its_job(content: bytes, job_id: str) -> None:
    """Nothing could be tested otherwise."""
    assert Opener([PRIVATE]).open(Sealer(PUBLIC).seal(content, job_id), job_id) == content


def test_another_job_can_not_open_it() -> None:
    """A message moved under another job's id would run with somebody else's key pair."""
    sealed = Sealer(PUBLIC).seal(SECRET, JOB)

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(sealed, "4f2b")


def test_another_key_can_not_open_it() -> None:
    """Only workers have the private key; the API and Redis do not."""
    other_private, _ = new_key_pair()

    with pytest.raises(CannotOpenError):
        Opener([other_private]).open(Sealer(PUBLIC).seal(SECRET, JOB), JOB)


def test_what_was_sealed_for_the_old_key_opens_after_a_rotation() -> None:
    """Jobs wait in the queue while an operator rotates keys."""
    new_private, new_public = new_key_pair()
    opener = Opener([new_private, PRIVATE])

    assert opener.open(Sealer(PUBLIC).seal(SECRET, JOB), JOB) == SECRET
    assert opener.open(Sealer(new_public).seal(SECRET, JOB), JOB) == SECRET


@pytest.mark.parametrize("position", [0, 31, 32, 40, -1])
def test_a_message_that_was_tampered_with_does_not_open(position: int) -> None:
    """Whoever can write to Redis must not be able to change what is tested."""
    message = bytearray(b64decode(Sealer(PUBLIC).seal(SECRET, JOB)))
    message[position] ^= 1

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(b64encode(message).decode(), JOB)


@pytest.mark.parametrize(
    "nonsense",
    ["", "AAAA", "é", "!!!!", b64encode(bytes(32)).decode(), b64encode(bytes(99)).decode()],
)
def test_nonsense_does_not_open_and_does_not_crash(nonsense: str) -> None:
    """A forged message must end as a refused one, not as a dead worker."""
    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(nonsense, JOB)


def test_a_sealed_text_shows_nothing_of_the_secret() -> None:
    """Redis, its dump file and its monitor all see the sealed text."""
    sealed = Sealer(PUBLIC).seal(SECRET, JOB)

    assert SECRET.decode() not in sealed
    assert SECRET not in b64decode(sealed)
    assert all(b64encode(SECRET[n:])[:12].decode() not in sealed for n in range(3))


def test_the_same_content_seals_differently_each_time() -> None:
    """Equal texts would tell that two callers use the same key pair."""
    sealer = Sealer(PUBLIC)

    assert sealer.seal(SECRET, JOB) != sealer.seal(SECRET, JOB)


def test_a_public_key_is_found_from_its_private_key() -> None:
    """`conncheck up` is given the one and needs the other."""
    assert public_key_of(PRIVATE) == PUBLIC


@pytest.mark.parametrize(
    "key", ["", "AAAA", "not base64!", "AAAAA", "\N{LATIN SMALL LETTER E WITH ACUTE}", "A" * 88]
)
@pytest.mark.parametrize(
    "side",
    [Sealer, lambda key: Opener([PRIVATE, key]), public_key_of],
    ids=["seal", "open", "public_key_of"],
)
def test_a_wrong_key_is_refused_at_the_start(side: Callable[[str], object], key: str) -> None:
    """A service that starts with a broken key would fail at every job instead."""
    with pytest.raises(ValueError, match="must be the base64 of 32 bytes") as raised:
        side(key)

    assert not key or key not in str(raised.value)
