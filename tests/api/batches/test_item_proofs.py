import pytest

from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from shared.signing import Signer, new_signing_pair

SIGNER = Signer([new_signing_pair()[0]])
SEALED = "c2VhbGVkIHRleHQ=.AAAA"
STORED = Stored("fra1", "4f2a", "4f2a", "alice")


def test_what_the_api_stored_is_signed_when_it_is_handed_out() -> None:
    """A worker runs nothing that is not."""
    kept = ItemProofs(SIGNER).kept(STORED, SEALED)

    assert ItemProofs(SIGNER).signer_for(STORED, kept) is SIGNER
    assert sealed_in(kept) == SEALED


@pytest.mark.parametrize("changed", range(len(STORED)))
def test_nothing_is_signed_for_another_site_item_tenant_or_token(changed: int) -> None:
    """A request that was moved would run where, or for whom, it was not asked for."""
    kept, other = ItemProofs(SIGNER).kept(STORED, SEALED), [*STORED]
    other[changed] += "x"

    assert ItemProofs(SIGNER).signer_for(Stored(*other), kept) is None


def test_nothing_is_signed_of_which_the_request_was_changed() -> None:
    """Whoever can write to Redis can seal another one for the same job."""
    kept = ItemProofs(SIGNER).kept(STORED, SEALED)

    assert ItemProofs(SIGNER).signer_for(STORED, f"x{kept}") is None


@pytest.mark.parametrize("kept", ["", SEALED, f"{SEALED} ", f"{SEALED} AAAA", " ", "\N{SNOWMAN}"])
def test_nothing_is_signed_that_others_stored(kept: str) -> None:
    """Whoever can write to Redis can seal, but not prove."""
    assert ItemProofs(SIGNER).signer_for(STORED, kept) is None


def test_a_repeated_item_is_proved_for_the_token_that_repeats_it() -> None:
    """What that one may not test must not be tested with the proof of the first one."""
    proofs, again = ItemProofs(SIGNER), STORED._replace(job_id="5a3b", repeated_by="{}")

    kept = proofs.kept_again(STORED, again, proofs.kept(STORED, SEALED))

    assert proofs.signer_for(again, kept) is SIGNER
    assert proofs.signer_for(again._replace(repeated_by=""), kept) is None
    assert sealed_in(kept) == SEALED


def test_what_was_not_proved_is_not_proved_again() -> None:
    """Else a retry would make a request of anyone's one of the API's."""
    proofs, again = ItemProofs(SIGNER), STORED._replace(job_id="5a3b")

    for kept in (SEALED, f"{SEALED} AAAA", proofs.kept(STORED._replace(tenant="x"), SEALED)):
        assert proofs.signer_for(again, proofs.kept_again(STORED, again, kept)) is None


def test_without_a_key_nothing_is_proved_or_signed() -> None:
    """An installation of an older version goes on as it did."""
    proofs = ItemProofs()

    assert proofs.kept(STORED, SEALED) == SEALED
    assert proofs.kept_again(STORED, STORED, SEALED) == SEALED
    assert proofs.signer_for(STORED, SEALED) is None


def test_an_api_reads_what_was_stored_before_it_had_a_key() -> None:
    """A batch may wait for hours."""
    assert sealed_in(ItemProofs().kept(STORED, SEALED)) == SEALED
