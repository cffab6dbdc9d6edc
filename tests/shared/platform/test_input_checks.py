import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest
from shared.platform.input_checks import (
    CREDENTIAL_BLANK,
    CREDENTIAL_FORMAT,
    CREDENTIAL_HIDDEN_CHARACTER,
    CREDENTIAL_SWAPPED,
    CREDENTIAL_WHITESPACE,
    PATH_UNEXPECTED,
    KeyShapes,
    Shape,
    check_credential,
    check_key_pair,
    doubting,
    doubts_about,
    doubts_about_path,
)
from tests.network.loopback import KNOWN, failure_to

SHAPES = KeyShapes(Shape("[A-Z0-9]{20}", "20 capitals"), Shape("[A-Za-z0-9/+]{40}", "40 letters"))
ACCESS, SECRET = "A" * 20, "s" * 40
REJECTED = Cause("test.rejected", "caller", "{host} says no", (), is_rejection=True)
BROKEN = Cause("test.broken", "platform", "{host} is broken", ())
DOUBT = Finding(CREDENTIAL_FORMAT, {"field": "secretKey", "looks_like": "40 letters"})


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "***", "********", " *** ", "••••••", "●●●", "..."),
        *("…………", "<hidden>", "<your secret key>", "[redacted]", "(MASKED)", "${SECRET_KEY}"),
        "{{ secret_key }}",
    ],
)
def test_a_mask_is_not_taken_for_a_credential(text: str) -> None:
    """A form that shows *** for a stored secret sends just that back (Airflow #61670)."""
    assert failure_to(lambda: check_credential(text, "secretKey")).cause is CREDENTIAL_BLANK


@pytest.mark.parametrize("text", ["a\nb", "ab\n", "\ufeffab", "a\u200bb", "a\x00b"])
def test_an_invisible_character_is_never_meant(text: str) -> None:
    """Nobody would find it by looking at the field."""
    assert (
        failure_to(lambda: check_credential(text, "secretKey")).cause is CREDENTIAL_HIDDEN_CHARACTER
    )


@pytest.mark.parametrize(
    "text", ["x", "xxx", "*a*", "a***", "**", "<", "<a", "secret", "pass word", "$ecret{}", "..x"]
)
def test_what_can_be_a_credential_is_left_alone(text: str) -> None:
    """A password is whatever somebody once chose."""
    check_credential(text, "secretKey")


def test_a_swapped_pair_is_noticed() -> None:
    """Two fields of the same form are filled in the wrong order every day."""
    failed = failure_to(lambda: check_key_pair(SECRET, ACCESS, SHAPES))

    assert failed.cause is CREDENTIAL_SWAPPED
    assert failed.finding.facts["access_looks_like"] == "20 capitals"


@pytest.mark.parametrize(
    "pair",
    [(ACCESS, SECRET), (SECRET, SECRET), (ACCESS, ACCESS), ("AKID", "SECRET"), (SECRET, "x")],
)
def test_only_a_pair_that_is_surely_swapped_is_refused(pair: tuple[str, str]) -> None:
    """The shapes are what a vendor uses today, not what every platform must have."""
    check_key_pair(*pair, SHAPES)


@pytest.mark.parametrize(
    ("pair", "field", "side"),
    [
        ((f" {ACCESS}", SECRET), "accessKey", "begins"),
        ((ACCESS, f"{SECRET} "), "secretKey", "ends"),
        ((ACCESS, f"\u00a0{SECRET}\u3000"), "secretKey", "begins and ends"),
    ],
)
def test_a_blank_at_the_end_of_a_key_is_noticed(
    pair: tuple[str, str], field: str, side: str
) -> None:
    """It is the most common fault of pasting, and no field shows it."""
    failed = failure_to(lambda: check_key_pair(*pair, SHAPES))

    assert failed.cause is CREDENTIAL_WHITESPACE
    assert (failed.finding.facts["field"], failed.finding.facts["side"]) == (field, side)


def test_a_password_may_end_with_a_blank_but_a_user_name_may_not() -> None:
    """Where the secretKey is a password, somebody may have chosen it so."""
    check_key_pair("admin", "pass ", None)

    assert failure_to(lambda: check_key_pair("admin ", "pass", None)).cause is CREDENTIAL_WHITESPACE
    assert [doubt.cause for doubt in doubts_about("admin", "pass ", None)] == [
        CREDENTIAL_WHITESPACE
    ]


@pytest.mark.parametrize(
    ("pair", "fields"),
    [
        ((ACCESS, SECRET), []),
        ((ACCESS, "short"), ["secretKey"]),
        (("AKID", SECRET), ["accessKey"]),
        (("AKID", "SECRET"), ["accessKey", "secretKey"]),
    ],
)
def test_a_key_of_another_form_is_a_doubt(pair: tuple[str, str], fields: list[str]) -> None:
    """A key that was cut off while copying is rejected like a wrong one."""
    doubts = doubts_about(*pair, SHAPES)

    assert [doubt.facts["field"] for doubt in doubts] == fields
    assert all(doubt.cause is CREDENTIAL_FORMAT and doubt.summary(KNOWN) for doubt in doubts)


@pytest.mark.parametrize(
    "path", ["/ui", "/vsphere-client", "/a/Dashboard", "/login", "/index.html"]
)
def test_the_path_of_a_web_page_is_a_doubt(path: str) -> None:
    """The endpoint was copied from a browser's address bar."""
    (doubt,) = doubts_about_path(Endpoint("h", 80, "http", path))

    assert doubt.cause is PATH_UNEXPECTED
    assert path in doubt.summary(KNOWN)


@pytest.mark.parametrize("path", ["", "/zstack", "/api/v1", "/guide", "/loginservice"])
def test_other_paths_are_no_doubt(path: str) -> None:
    """A proxy may serve the API below any path."""
    assert not doubts_about_path(Endpoint("h", 80, "http", path))


@pytest.mark.parametrize(
    ("cause", "rejections_only", "contributing"),
    [
        (REJECTED, True, (DOUBT,)),
        (BROKEN, True, ()),
        (REJECTED, False, (DOUBT,)),
        (BROKEN, False, (DOUBT,)),
    ],
)
def test_doubts_contribute_to_the_failure_that_they_may_explain(
    cause: Cause, *, rejections_only: bool, contributing: tuple[Finding, ...]
) -> None:
    """A platform that is down says nothing about the key pair."""

    def flow() -> Flow[str]:
        yield HttpRequest("GET", "/")
        raise Failed(cause)

    doubted = doubting(flow(), [DOUBT], rejections_only=rejections_only)
    assert next(doubted).path == "/"
    failed = failure_to(lambda: next(doubted))

    assert failed.cause is cause
    assert failed.contributing == contributing


def test_doubts_say_nothing_where_all_is_well() -> None:
    """A warning about a key that was accepted would be a false alarm."""

    def flow() -> Flow[str]:
        yield from ()
        return "fine"

    with pytest.raises(StopIteration) as ended:
        next(doubting(flow(), [DOUBT]))

    assert ended.value.value == "fine"
