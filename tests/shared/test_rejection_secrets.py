import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.rejection_secrets import EPOCH, NotIssuedError, issued, received
from shared.sealing import Opener, Sealer, new_key_pair
from shared.signing import Signer, Verifier, new_signing_pair, statement

OVERLAP = timedelta(minutes=15)
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
JUST_AFTER_MIDNIGHT = datetime(2026, 12, 2, 0, 5, tzinfo=UTC)
SIGNING, VERIFYING = new_signing_pair()
VERIFIER = Verifier([VERIFYING])
KEYS = {"default": new_key_pair(), "fra1": new_key_pair()}


def of(
    site: str, at: datetime = NOON, *, signer: Signer | None = None, since: int = 0
) -> list[bytes]:
    """Return the secrets of a site's workers at that time."""
    private, public = KEYS[site]
    text = issued(signer or Signer([SIGNING]), Sealer(public, site), site, at, OVERLAP)
    return [*received(text.encode(), VERIFIER, Opener([private], site), site, since)[1]]


def test_all_sites_have_the_same_secret() -> None:
    """What one site's platform has rejected is not presented by another."""
    assert of("default") == of("fra1")
    assert len(of("fra1")) == 1


def test_the_secret_is_a_new_one_each_day() -> None:
    """A stolen worker knows it no longer than that."""
    assert of("fra1") != of("fra1", NOON + EPOCH)


def test_the_last_secret_still_counts_as_long_as_what_was_remembered_with_it() -> None:
    """A rejection of before midnight is one after it."""
    (before,), after = of("fra1"), of("fra1", JUST_AFTER_MIDNIGHT)

    assert after[1:] == [before]
    assert of("fra1", JUST_AFTER_MIDNIGHT + OVERLAP) == after[:1]


def test_what_was_remembered_before_the_signing_key_was_replaced_still_counts() -> None:
    """Both keys are the API's until `conncheck keys drop`."""
    other = new_signing_pair()[0]

    before, meanwhile = of("fra1"), of("fra1", signer=Signer([SIGNING, other]))

    assert meanwhile[:1] == before
    assert len(meanwhile) == 2


@pytest.mark.parametrize("since", [20_000, 10**9])
def test_an_old_secret_is_not_taken_for_a_new_one(since: int) -> None:
    """Whoever stole it may have kept what was issued then."""
    if since < NOON.timestamp() / EPOCH.total_seconds():
        assert of("fra1", since=since)
        return
    with pytest.raises(NotIssuedError):
        of("fra1", since=since)


def test_secrets_that_others_issue_are_none() -> None:
    """Whoever knows the secret can guess what was rejected."""
    with pytest.raises(NotIssuedError):
        of("fra1", signer=Signer([new_signing_pair()[0]]))


def test_secrets_of_another_site_are_none() -> None:
    """They are sealed for its workers alone."""
    text = issued(Signer([SIGNING]), Sealer(KEYS["fra1"][1], "fra1"), "fra1", NOON, OVERLAP)

    for site, key in (("default", "default"), ("default", "fra1"), ("fra1", "default")):
        with pytest.raises(NotIssuedError):
            received(text.encode(), VERIFIER, Opener([KEYS[key][0]], site), site, 0)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"\xff", b'{"epoch":1,"sealed":"","signature":""}']
)
def test_nonsense_is_no_secret_and_does_not_crash(text: bytes) -> None:
    """A worker goes on with its own memory."""
    with pytest.raises(NotIssuedError):
        received(text, VERIFIER, Opener([KEYS["fra1"][0]], "fra1"), "fra1", 0)


@pytest.mark.parametrize("content", [b'{"of": "a newer version"}', b'["no base64"]'])
def test_secrets_in_the_form_of_a_newer_api_are_none(content: bytes) -> None:
    """The thread that looks for them also calls waiting jobs: it must not end."""
    private, public = KEYS["fra1"]
    sealed = Sealer(public, "fra1").seal(content, "rejection-secrets")
    signature = Signer([SIGNING]).sign(statement("rejection secrets", "fra1", "1", sealed))
    text = json.dumps({"epoch": 1, "sealed": sealed, "signature": signature})

    with pytest.raises(NotIssuedError):
        received(text.encode(), VERIFIER, Opener([private], "fra1"), "fra1", 0)
