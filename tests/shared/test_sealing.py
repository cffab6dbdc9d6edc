from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing import (
    ENVELOPES,
    KEY_BYTES,
    CannotOpenError,
    NoSealingKeyError,
    Opener,
    Sealer,
    Sealers,
    new_key_pair,
    public_key_of,
)

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


def test_a_worker_opens_what_is_in_an_envelope() -> None:
    """A batch is sealed so: fifty thousand public-key operations would take minutes."""
    envelope, opener = Sealer(PUBLIC).envelope(), Opener([PRIVATE])
    sealed = [envelope.seal(f"{number}".encode(), f"job-{number}") for number in range(3)]

    assert [opener.open(one, f"job-{n}") for n, one in enumerate(sealed)] == [b"0", b"1", b"2"]


def test_another_job_can_not_open_what_is_in_an_envelope() -> None:
    """All requests of a batch have one key, and still none runs in the place of another."""
    envelope, opener = Sealer(PUBLIC).envelope(), Opener([PRIVATE])
    sealed = envelope.seal(SECRET, JOB)
    assert opener.open(sealed, JOB) == SECRET

    with pytest.raises(CannotOpenError):
        opener.open(sealed, "4f2b")


def test_another_key_can_not_open_an_envelope() -> None:
    """Only workers have the private key; the API and Redis do not."""
    other_private, _ = new_key_pair()

    with pytest.raises(CannotOpenError):
        Opener([other_private]).open(Sealer(PUBLIC).envelope().seal(SECRET, JOB), JOB)


def test_an_envelope_for_the_old_key_opens_after_a_rotation() -> None:
    """A batch may wait for hours."""
    new_private, new_public = new_key_pair()
    opener = Opener([new_private, PRIVATE])

    for public in (PUBLIC, new_public):
        assert opener.open(Sealer(public).envelope().seal(SECRET, JOB), JOB) == SECRET


def test_more_envelopes_than_a_worker_has_at_hand_still_open() -> None:
    """It forgets the key of one, and opens it anew."""
    sealer, opener = Sealer(PUBLIC), Opener([PRIVATE])
    sealed = [sealer.envelope().seal(SECRET, JOB) for _ in range(ENVELOPES + 1)]

    assert [opener.open(one, JOB) for one in (*sealed, *sealed)] == [SECRET] * (2 * len(sealed))


def test_the_key_of_one_envelope_does_not_open_another() -> None:
    """A batch of another caller may be at the same worker."""
    sealer, opener = Sealer(PUBLIC), Opener([PRIVATE])
    one, other = (sealer.envelope().seal(SECRET, JOB).split(".") for _ in range(2))

    for mixed in (f"{one[0]}.{other[1]}", f"{other[0]}.{one[1]}"):
        with pytest.raises(CannotOpenError):
            opener.open(mixed, JOB)


def test_the_key_of_an_envelope_is_no_message_of_a_job() -> None:
    """Whoever can write to Redis must not have a key opened as if it were a request."""
    sealed_key, _, _ = Sealer(PUBLIC).envelope().seal(SECRET, JOB).partition(".")

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(sealed_key, JOB)


def test_a_message_of_a_job_is_no_key_of_an_envelope() -> None:
    """Else a caller could choose the key, and others read what they seal with it."""
    chosen = Sealer(PUBLIC).seal(bytes(KEY_BYTES), JOB)
    _, _, message = Sealer(PUBLIC).envelope().seal(SECRET, JOB).partition(".")

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(f"{chosen}.{message}", JOB)


@pytest.mark.parametrize("part", [0, 1], ids=["key", "message"])
@pytest.mark.parametrize("position", [0, 11, 12, 31, -1])
def test_an_envelope_that_was_tampered_with_does_not_open(part: int, position: int) -> None:
    """Whoever can write to Redis must not be able to change what is tested."""
    parts = Sealer(PUBLIC).envelope().seal(SECRET, JOB).split(".")
    raw = bytearray(b64decode(parts[part]))
    raw[position] ^= 1
    parts[part] = b64encode(raw).decode()

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(".".join(parts), JOB)


@pytest.mark.parametrize(
    "nonsense",
    [".", "AAAA.", ".AAAA", "!.!", "{key}.", "{key}.AAAA", "{key}.!", "{key}.{key}.AAAA"],
)
def test_nonsense_in_an_envelope_does_not_open_and_does_not_crash(nonsense: str) -> None:
    """A forged message must end as a refused one, not as a dead worker."""
    key, _, _ = Sealer(PUBLIC).envelope().seal(SECRET, JOB).partition(".")

    with pytest.raises(CannotOpenError):
        Opener([PRIVATE]).open(nonsense.format(key=key), JOB)


def test_an_envelope_shows_nothing_of_the_secret() -> None:
    """Equal requests of one batch must not look equal either."""
    envelope = Sealer(PUBLIC).envelope()
    first, second = (envelope.seal(SECRET, JOB).partition(".")[2] for _ in range(2))

    assert SECRET not in b64decode(first)
    assert first != second
    assert SECRET.decode() not in repr(envelope)


def sealed_for(site: str, content: bytes) -> list[str]:
    sealer = Sealer(PUBLIC, site)
    return [sealer.seal(content, JOB), sealer.envelope().seal(content, JOB)]


@pytest.mark.parametrize("site", ["default", "fra1"])
def test_the_workers_of_a_site_open_what_was_sealed_for_it(site: str) -> None:
    """Nothing could be tested there otherwise."""
    opener = Opener([PRIVATE], site)

    assert [opener.open(one, JOB) for one in sealed_for(site, SECRET)] == [SECRET] * 2


@pytest.mark.parametrize(("site", "other"), [("fra1", "nyc1"), ("default", "fra1"), ("a", "a-b")])
def test_another_site_can_not_open_it_even_with_the_same_key(site: str, other: str) -> None:
    """Two sites may share a key by mistake, and a message may be moved to the other's queue."""
    for one, another in ((site, other), (other, site)):
        for message in sealed_for(one, SECRET):
            with pytest.raises(CannotOpenError):
                Opener([PRIVATE], another).open(message, JOB)


def test_a_job_of_the_default_site_is_none_of_another() -> None:
    """Whoever chooses the id of a job must not choose its site with it."""
    sealed = Sealer(PUBLIC).seal(SECRET, "4f2a")

    for job_id in ("4f2a", "", "job 4f2a"):
        with pytest.raises(CannotOpenError):
            Opener([PRIVATE], "x").open(sealed, job_id)


def test_each_site_has_a_key_of_its_own() -> None:
    """What one site's stolen key opens is what was sealed for that site."""
    private, public = new_key_pair()
    sealers = Sealers(PUBLIC, {"fra1": public}.get)

    here, there = sealers.at().seal(SECRET, JOB), sealers.at("fra1").seal(SECRET, JOB)
    assert Opener([PRIVATE]).open(here, JOB) == SECRET
    assert Opener([private], "fra1").open(there, JOB) == SECRET
    for opener, message in ((Opener([PRIVATE]), there), (Opener([private], "fra1"), here)):
        with pytest.raises(CannotOpenError):
            opener.open(message, JOB)


def test_the_key_of_a_site_is_replaced_without_a_restart() -> None:
    """The file of the sites is read again when it changes."""
    private, public = new_key_pair()
    keys: dict[str, str] = {"fra1": PUBLIC}
    sealers = Sealers(None, keys.get)
    sealers.at("fra1")

    keys["fra1"] = public

    assert Opener([private], "fra1").open(sealers.at("fra1").seal(SECRET, JOB), JOB) == SECRET


@pytest.mark.parametrize("site", ["default", "fra1"])
def test_nothing_is_sealed_for_a_site_without_a_key(site: str) -> None:
    """The key of another site would have the wrong workers open it."""
    default_key = None if site == "default" else PUBLIC

    with pytest.raises(NoSealingKeyError):
        Sealers(default_key).at(site)
