from collections.abc import Mapping

import pytest

from shared.diagnosis.outcomes import Fact, Facts, Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest
from shared.platform.keys.identity import (
    IDENTITY_NOT_TOLD,
    OTHER_IDENTITY,
    Expected,
    IdentityPart,
    Told,
    expecting,
    name_in,
    names,
)
from tests.shared.products.conversation import KNOWN, Platform, answer

ENDPOINT = Endpoint("cloud.example.com", 443, "https")
PARTS: Mapping[IdentityPart, Told] = {
    "account": Told("the account's ID or name", ("account", "account_name")),
    "user": Told("the user's name", ("user",)),
}
ACCOUNT: dict[str, Fact] = {"account": "1968", "account_name": "production"}


def signing_in(facts: Facts) -> Flow[Passed[str]]:
    """Sign in by one request, which tells `facts`."""
    yield HttpRequest("GET", "/sign-in", presents_credentials=True)
    return Passed("session", **facts)


def asking(endpoint: Endpoint, session: str) -> Flow[Facts]:
    """Read by one further request who the user is."""
    told = yield HttpRequest("GET", f"/{session}/user")
    return names(user=told.json_object().get("name"))


def compared(expected: Expected, facts: Facts, platform: Platform | None = None) -> Passed[str]:
    """Return the outcome of a sign-in that tells `facts`."""
    flow = expecting(lambda _: signing_in(facts), asking, PARTS, expected)
    return (platform or Platform(answer(200), answer(200, {"name": "alice"}))).talk(flow(ENDPOINT))


def failed(expected: Expected, facts: Facts) -> Failed:
    """Return how a sign-in that tells `facts` fails."""
    with pytest.raises(Failed) as caught:
        compared(expected, facts)
    return caught.value


class TestExpecting:
    """Is it the key pair that the caller meant?"""

    @pytest.mark.parametrize("value", ["1968", "production"])
    def test_the_id_and_the_name_are_both_right(self, value: str) -> None:
        """People know the one, programs keep the other."""
        passed = compared({"account": value}, ACCOUNT)

        assert passed.value == "session"
        assert passed.warnings == ()
        assert passed.facts == ACCOUNT

    def test_nothing_is_asked_where_the_sign_in_has_told(self) -> None:
        """Each request is one more round trip, and one more line in the platform's audit log."""
        platform = Platform(answer(200))

        compared({"account": "1968", "user": "alice"}, {**ACCOUNT, "user": "alice"}, platform)

        assert platform.paths == ["GET /sign-in"]

    def test_what_the_sign_in_has_not_told_is_asked_for(self) -> None:
        """Some platforms only say it in an answer of its own."""
        passed = compared({"account": "1968", "user": "alice"}, ACCOUNT)

        assert passed.warnings == ()
        assert passed.facts == {**ACCOUNT, "user": "alice"}

    def test_another_account_is_a_failure_told_with_both(self) -> None:
        """The right key of the wrong account passes every other test."""
        found = failed({"account": "4711"}, ACCOUNT)

        assert found.cause is OTHER_IDENTITY
        assert not found.cause.is_rejection
        assert found.cause.field == "options.expect"
        assert found.finding.facts == {
            "told_account": "1968 / production",
            "expected_account": "4711",
        }
        told = "it is not the one that was expected; account 1968 / production instead of 4711"
        assert found.finding.summary(KNOWN).endswith(told)

    def test_all_parts_that_differ_are_told_at_once(self) -> None:
        """One correction is better than two."""
        found = failed({"account": "4711", "user": "bob"}, {**ACCOUNT, "user": "alice"})

        summary = found.finding.summary(KNOWN)
        assert "account 1968 / production instead of 4711; user alice instead of bob" in summary

    @pytest.mark.parametrize("value", ["Production", "production ", "productio", "PRODUCTION"])
    def test_a_name_must_be_the_very_same(self, value: str) -> None:
        """Two accounts may differ in one letter's case."""
        assert failed({"account": value}, ACCOUNT).cause is OTHER_IDENTITY

    def test_what_the_platform_never_tells_is_a_warning(self) -> None:
        """That it is another one is not proven, nor that it is the right one."""
        platform = Platform(answer(200), answer(403, {}))

        passed = compared({"user": "alice"}, ACCOUNT, platform)

        (warning,) = passed.warnings
        assert warning.cause is IDENTITY_NOT_TOLD
        assert warning.facts == {"unknown_user": "alice"}
        assert "does not tell the user alice of this key pair" in warning.summary(KNOWN)


class TestNames:
    """What a platform sends may be anything."""

    def test_only_what_can_be_a_name_is_kept(self) -> None:
        """It is compared and shown."""
        hostile = {
            "a": "x" * 257,
            "b": "",
            "c": 7,
            "d": None,
            "e": ["x"],
            "f": "a\nb",
            "g": "\u202e",
        }

        assert names(**hostile, name="Müller, Bob") == {"name": "Müller, Bob"}

    @pytest.mark.parametrize(
        ("resource", "name"),
        [
            ("arn:aws:iam::123456789012:user/alice", "alice"),
            ("arn:aws:iam::123456789012:user/path/to/alice", "alice"),
            ("arn:aws:sts::123456789012:assumed-role/reader/session", "reader/session"),
            ("arn:aws:iam::123456789012:root", "root"),
            ("acs:ram::1968:user/conncheck", "conncheck"),
        ],
    )
    def test_the_name_in_a_resource_name_is_what_people_call_it(
        self, resource: str, name: str
    ) -> None:
        """Nobody types an ARN by heart."""
        assert name_in(resource) == name
