import pytest

from api.batches.item_proofs import ItemProofs, sealed_in
from shared.signing import Signer, new_signing_pair

SIGNER = Signer([new_signing_pair()[0]])
SEALED = "c2VhbGVkIHRleHQ=.AAAA"
STORED = ("fra1", "4f2a", "alice")


def test_what_the_api_stored_is_signed_when_it_is_handed_out() -> None:
    """A worker runs nothing that is not."""
    kept = ItemProofs(SIGNER).kept(*STORED, SEALED)

    assert ItemProofs(SIGNER).signer_for(*STORED, kept) is SIGNER
    assert sealed_in(kept) == SEALED


@pytest.mark.parametrize("changed", range(len(STORED)))
def test_nothing_is_signed_for_another_site_item_or_tenant(changed: int) -> None:
    """A request that was moved would run where, or for whom, it was not asked for."""
    kept, other = ItemProofs(SIGNER).kept(*STORED, SEALED), [*STORED]
    other[changed] += "x"

    assert ItemProofs(SIGNER).signer_for(other[0], other[1], other[2], kept) is None


@pytest.mark.parametrize("kept", ["", SEALED, f"{SEALED} ", f"{SEALED} AAAA", " ", "\N{SNOWMAN}"])
def test_nothing_is_signed_that_others_stored(kept: str) -> None:
    """Whoever can write to Redis can seal, but not prove."""
    assert ItemProofs(SIGNER).signer_for(*STORED, kept) is None


def test_without_a_key_nothing_is_proved_or_signed() -> None:
    """An installation of an older version goes on as it did."""
    proofs = ItemProofs()

    assert proofs.kept(*STORED, SEALED) == SEALED
    assert proofs.signer_for(*STORED, SEALED) is None


def test_an_api_reads_what_was_stored_before_it_had_a_key() -> None:
    """A batch may wait for hours."""
    assert sealed_in(ItemProofs().kept(*STORED, SEALED)) == SEALED
