from base64 import b64encode
from hashlib import md5, sha1, sha256, sha512
from itertools import product

from pydantic import SecretStr

from api.access.caller import Caller
from shared.policy.target_policy import TargetPolicy

TOKEN = "hunter2-hunter2"
ALICE = Caller("alice", "alice", SecretStr(TOKEN))
KEY = "order-1"
REQUEST = b'{"secretKey":"SECRET"}'


def test_the_same_request_makes_the_same_claim() -> None:
    """A retry has to find what the first one left."""
    again = Caller("alice", "alice", SecretStr(TOKEN))

    assert ALICE.claim(KEY, REQUEST) == again.claim(KEY, REQUEST)


def test_claims_of_two_tokens_have_nothing_in_common() -> None:
    """Two callers that both count from one must not get each other's jobs."""
    ours, theirs = (
        Caller("alice", "alice", SecretStr(token)).claim(KEY, REQUEST) for token in (TOKEN, "other")
    )

    assert ours.name != theirs.name
    assert ours.fingerprint != theirs.fingerprint


def test_another_key_and_another_request_are_told_apart() -> None:
    """The key finds the claim, the request decides whether it is the same one."""
    claim = ALICE.claim(KEY, REQUEST)

    assert ALICE.claim(KEY, REQUEST + b" ").name == claim.name
    assert ALICE.claim(KEY, REQUEST + b" ").fingerprint != claim.fingerprint
    assert ALICE.claim(KEY + "0", REQUEST).name != claim.name


def test_nobody_can_try_secrets_against_what_is_kept() -> None:
    """Redis holds the fingerprint for a day; a plain hash of a guessed body would confirm it."""
    claim = ALICE.claim(KEY, REQUEST)
    contents = [
        *(REQUEST, KEY.encode(), b"key\0" + KEY.encode(), b"request\0" + REQUEST),
        *(ALICE.name.encode() + REQUEST, KEY.encode() + REQUEST),
    ]

    hashes = {
        digest(content).hexdigest()
        for content, digest in product(contents, (md5, sha1, sha256, sha512))
    }

    assert not {claim.name, claim.fingerprint} & hashes


def test_a_key_that_equals_the_request_is_hashed_for_another_purpose() -> None:
    """Otherwise a caller could make one of the two stand for the other."""
    claim = ALICE.claim("same", b"same")

    assert claim.name != claim.fingerprint


def test_a_claim_shows_neither_token_nor_key_nor_request() -> None:
    """It is a Redis key and a Redis value."""
    shown = repr(ALICE.claim(KEY, REQUEST))

    for text in (TOKEN, KEY, "SECRET", b64encode(REQUEST).decode()):
        assert text not in shown


def test_a_caller_does_not_show_its_token() -> None:
    """It stands in the request's state, which ends up in tracebacks."""
    assert TOKEN not in repr(ALICE)


def test_a_caller_tests_from_the_sites_that_it_may_use() -> None:
    """A site is in another network, which was not opened to all who have a token."""
    at_fra1 = Caller("alice", "alice", SecretStr(TOKEN), sites=frozenset(("fra1",)))
    anywhere = Caller("alice", "alice", SecretStr(TOKEN), sites=frozenset(("*",)))

    assert [ALICE.may_use(site) for site in ("default", "fra1")] == [True, False]
    assert [at_fra1.may_use(site) for site in ("default", "fra1")] == [False, True]
    assert [anywhere.may_use(site) for site in ("default", "fra1")] == [True, True]


def test_a_policy_of_a_site_takes_the_place_of_the_other() -> None:
    """Networks of two sites may have the same addresses."""
    port, own_port = TargetPolicy(ports=(443,)), TargetPolicy(ports=(8443,))
    caller = Caller(
        "alice", "alice", SecretStr(TOKEN), policy=port, site_policies={"fra1": own_port}
    )

    assert (caller.policy_at("default"), caller.policy_at("fra1")) == (port, own_port)
    assert caller.allowance_at("fra1").policy == own_port
