from base64 import b64encode

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest
from shared.platform.keys.input_checks import (
    CREDENTIAL_BLANK,
    CREDENTIAL_FORMAT,
    CREDENTIAL_HIDDEN_CHARACTER,
    CREDENTIAL_MISTYPED,
    CREDENTIAL_SWAPPED,
    CREDENTIAL_WHITESPACE,
    PATH_DOUBLED,
    PATH_UNEXPECTED,
    check_credential,
    check_key_pair,
    doubting,
    doubts_about,
    doubts_about_path,
)
from shared.platform.keys.key_forms import KeyShapes, Shape, Slip
from shared.products import PRODUCTS
from tests.network.loopback import KNOWN, failure_to

SHAPES = KeyShapes(
    Shape("[A-Z0-9]{20}", "20 capitals and digits"),
    Shape("[A-Za-z0-9/+]{40}", "40 letters and digits"),
)
ACCESS, SECRET = "A" * 20, "s" * 40
REJECTED = Cause("test.rejected", "caller", "{host} says no", (), is_rejection=True)
BROKEN = Cause("test.broken", "platform", "{host} is broken", ())
DOUBT = Finding(CREDENTIAL_FORMAT, {"field": "secretKey", "looks_like": "40 letters and digits"})


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
    assert failed.finding.facts["access_looks_like"] == "20 capitals and digits"


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
    "path", ["/ui", "/vsphere-client", "/a/Dashboard", "/login", "/index.html", "/horizon/auth"]
)
def test_the_path_of_a_web_page_is_a_doubt(path: str) -> None:
    """The endpoint was copied from a browser's address bar."""
    (doubt,) = doubts_about_path(Endpoint("h", 80, "http", path), f"{path}/v3", None)

    assert doubt.cause is PATH_UNEXPECTED
    assert path in doubt.summary(KNOWN)


@pytest.mark.parametrize(
    ("product", "path", "segment"),
    [
        ("openstack", "/v3/v3", "v3"),
        ("openstack", "/identity/v3/auth/tokens/v3", "v3"),
        ("zstack", "/zstack/v1/zones", "zstack"),
        ("kubernetes", "/version", "version"),
    ],
)
def test_a_path_that_the_product_adds_itself_is_a_doubt(
    product: str, path: str, segment: str
) -> None:
    """The endpoint was copied from a request in the API's manual."""
    endpoint = Endpoint("h", 80, "http", path)
    (doubt,) = doubts_about_path(endpoint, PRODUCTS[product].hello(endpoint).path, None)

    assert doubt.cause is PATH_DOUBLED
    assert doubt.facts["segment"] == segment
    assert path in doubt.summary(KNOWN)


@pytest.mark.parametrize("path", ["", "/zstack", "/api/v1", "/guide", "/loginservice"])
def test_other_paths_are_no_doubt(path: str) -> None:
    """A proxy may serve the API below any path."""
    assert not doubts_about_path(Endpoint("h", 80, "http", path), f"{path}/x?y=x/x", None)


def test_a_path_may_usually_mean_something() -> None:
    """What somebody entered behind a store's host is the bucket."""
    endpoint, usual = Endpoint("h", 80, "http", "/backups"), PRODUCTS["s3"].path_doubt
    (doubt,) = doubts_about_path(endpoint, "/backups/", usual)

    assert doubt.cause is usual
    assert "/backups" in doubt.summary(KNOWN)
    assert not doubts_about_path(Endpoint("h", 80, "http"), "/", usual)


@pytest.mark.parametrize(
    ("text", "mistyped_as"),
    [
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "a certificate or a"),
        ("apiVersion: v1\nkind: Config\nusers: []", "a kubeconfig"),
        ('{\n "accessKey": "x"\n}', "a document"),
    ],
)
def test_a_pasted_file_is_told_as_what_it_is(text: str, mistyped_as: str) -> None:
    """Its line breaks are not what is wrong with it."""
    failed = failure_to(lambda: check_credential(text, "secretKey"))

    assert failed.cause is CREDENTIAL_MISTYPED
    assert mistyped_as in failed.finding.summary(KNOWN)
    assert "BEGIN" not in failed.finding.summary(KNOWN)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ab\n", "a line break at its end"),
        ("ab\r\n", "a line break at its end"),
        ("\ufeffab", "a byte order mark at its beginning"),
        ("a\u200bb", "a zero-width space, which"),
        ("a\u00adb", "U+00AD (soft hyphen), which"),
    ],
)
def test_an_invisible_character_is_named_with_its_place(text: str, told: str) -> None:
    """A line break at the end comes from echo, and is mended where the file is written."""
    failed = failure_to(lambda: check_credential(text, "secretKey"))

    assert failed.cause is CREDENTIAL_HIDDEN_CHARACTER
    assert told in failed.finding.summary(KNOWN)


@pytest.mark.parametrize(
    ("pair", "field", "mistyped_as"),
    [
        ((f"{ACCESS}:{SECRET}", SECRET), "accessKey", "both keys in one"),
        ((ACCESS, f"{ACCESS}:{SECRET}"), "secretKey", "both keys in one"),
        ((ACCESS, ACCESS), "secretKey", "a copy of the accessKey"),
        ((ACCESS, b64encode(SECRET.encode()).decode()), "secretKey", "the base64 of a key"),
        ((b64encode(f"{ACCESS}\n".encode()).decode(), SECRET), "accessKey", "the base64 of a key"),
    ],
)
def test_a_pair_that_was_put_together_wrongly_is_a_doubt(
    pair: tuple[str, str], field: str, mistyped_as: str
) -> None:
    """Secrets of Kubernetes hold keys in base64, and tools print both keys in one line."""
    (doubt,) = doubts_about(*pair, SHAPES)

    assert (doubt.cause, doubt.facts["field"]) == (CREDENTIAL_MISTYPED, field)
    assert doubt.facts["mistyped_as"] == mistyped_as


def test_a_mistake_is_certain_where_only_the_maker_can_answer() -> None:
    """A stand-in of a cloud takes any key, the cloud itself takes its own."""
    slips = (Slip("accessKey", '".*"', "text in quotation marks", "it without them"),)

    check_key_pair(f'"{ACCESS}"', SECRET, SHAPES, slips)
    check_key_pair(ACCESS, SECRET, SHAPES, slips, is_makers_host=True)
    failed = failure_to(
        lambda: check_key_pair(f'"{ACCESS}"', SECRET, SHAPES, slips, is_makers_host=True)
    )

    assert failed.cause is CREDENTIAL_MISTYPED
    assert ACCESS not in failed.finding.summary(KNOWN)


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

    doubted = doubting(flow(), lambda: [DOUBT], rejections_only=rejections_only)
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
        next(doubting(flow(), lambda: [DOUBT]))

    assert ended.value.value == "fine"
