from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing import KEY_BYTES
from shared.signing import (
    PROOF_BYTES,
    Signer,
    Verifier,
    item_statement,
    job_statement,
    new_signing_pair,
    statement,
    verification_key_of,
)

PRIVATE, PUBLIC = new_signing_pair()
NEW_PRIVATE, NEW_PUBLIC = new_signing_pair()
JOB = ("fra1", "4f2a", '{"kind":"queued"}', "sealed")

parts = st.lists(st.text(max_size=8), max_size=4)


def test_a_worker_recognizes_what_the_api_signed() -> None:
    """Nothing could be tested otherwise."""
    signature = Signer([PRIVATE]).sign(job_statement(*JOB))

    assert Verifier([PUBLIC]).is_signed(job_statement(*JOB), signature)
    assert verification_key_of(PRIVATE) == PUBLIC
    assert Signer([NEW_PRIVATE, PRIVATE]).public_key == NEW_PUBLIC


@pytest.mark.parametrize("changed", range(len(JOB)))
def test_nothing_of_a_signed_job_can_be_changed(changed: int) -> None:
    """Whoever can write to Redis must not decide what is tested, for whom, or from where."""
    signature = Signer([PRIVATE]).sign(job_statement(*JOB))
    other = [*JOB]
    other[changed] += "x"

    assert not Verifier([PUBLIC]).is_signed(job_statement(*other), signature)


@given(one=parts, other=parts)
def test_two_statements_are_never_the_same_bytes(one: list[str], other: list[str]) -> None:
    """A text that moves from one part into the next would be signed as something else."""
    assert (statement("job", *one) == statement("job", *other)) == (one == other)


@given(words=parts)
def test_a_statement_of_one_kind_is_none_of_another(words: list[str]) -> None:
    """The signature of a job must not be good for anything else."""
    assert statement("job", *words) != statement("item", *words)


def test_another_key_signs_nothing() -> None:
    """The keys of the service are not those of anyone else."""
    signature = Signer([NEW_PRIVATE]).sign(job_statement(*JOB))

    assert not Verifier([PUBLIC]).is_signed(job_statement(*JOB), signature)
    assert not Verifier([]).is_signed(job_statement(*JOB), signature)


def test_keys_are_replaced_while_jobs_wait() -> None:
    """Workers get the new public key first, and keep the old one until nothing needs it."""
    verifier = Verifier([NEW_PUBLIC, PUBLIC])

    for signer in (Signer([PRIVATE, NEW_PRIVATE]), Signer([NEW_PRIVATE, PRIVATE])):
        assert verifier.is_signed(job_statement(*JOB), signer.sign(job_statement(*JOB)))


@pytest.mark.parametrize("position", [0, 31, 32, -1])
def test_a_signature_that_was_tampered_with_is_none(position: int) -> None:
    """One bit is enough."""
    signature = bytearray(b64decode(Signer([PRIVATE]).sign(job_statement(*JOB))))
    signature[position] ^= 1

    assert not Verifier([PUBLIC]).is_signed(job_statement(*JOB), b64encode(signature).decode())


@pytest.mark.parametrize("nonsense", ["", "AAAA", "é", "!!!!", b64encode(bytes(64)).decode()])
def test_nonsense_is_no_signature_and_does_not_crash(nonsense: str) -> None:
    """A forged job must end as a refused one, not as a dead worker."""
    assert not Verifier([PUBLIC]).is_signed(job_statement(*JOB), nonsense)


@pytest.mark.parametrize(
    "key", ["", "AAAA", "not base64!", "\N{LATIN SMALL LETTER E WITH ACUTE}", "A" * 88]
)
@pytest.mark.parametrize(
    "side",
    [
        lambda key: Signer([PRIVATE, key]),
        lambda key: Verifier([PUBLIC, key]),
        verification_key_of,
    ],
    ids=["sign", "verify", "verification_key_of"],
)
def test_a_wrong_key_is_refused_at_the_start(side: Callable[[str], object], key: str) -> None:
    """A service that starts with a broken key would fail at every job instead."""
    with pytest.raises(ValueError, match="must be the base64 of 32 bytes") as raised:
        side(key)

    assert not key or key not in str(raised.value)


def test_an_api_recognizes_what_it_has_proved_before_its_key_was_replaced() -> None:
    """A batch may wait for hours."""
    item = item_statement("4f2a", "sealed", "fra1", "me")
    proof = Signer([PRIVATE]).prove(item)

    assert Signer([PRIVATE]).is_proved(item, proof)
    assert Signer([NEW_PRIVATE, PRIVATE]).is_proved(item, proof)
    assert not Signer([NEW_PRIVATE]).is_proved(item, proof)


@pytest.mark.parametrize("changed", range(4))
def test_nothing_of_a_proved_item_can_be_changed(changed: int) -> None:
    """The API signs what it finds in Redis as the item of a batch."""
    item = ["4f2a", "sealed", "fra1", "me"]
    proof = Signer([PRIVATE]).prove(item_statement(*item))
    item[changed] += "x"

    assert not Signer([PRIVATE]).is_proved(item_statement(*item), proof)


@pytest.mark.parametrize("nonsense", ["", "é", b64encode(bytes(PROOF_BYTES)).decode()])
def test_nonsense_proves_nothing(nonsense: str) -> None:
    """A forged item must end as a refused one, not as a dead feeder."""
    assert not Signer([PRIVATE]).is_proved(item_statement(*JOB), nonsense)


def test_a_secret_belongs_to_its_key_and_its_purpose() -> None:
    """All processes of the API make the same one, and nobody else makes it."""
    (secret,) = Signer([PRIVATE]).secrets("rejections 1")

    assert Signer([NEW_PRIVATE, PRIVATE]).secrets("rejections 1")[1] == secret
    assert len(secret) == KEY_BYTES
    assert secret not in Signer([PRIVATE]).secrets("rejections 2")
    assert secret not in Signer([NEW_PRIVATE]).secrets("rejections 1")
