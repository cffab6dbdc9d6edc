import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import (
    CAUSES,
    HIDDEN_CHARACTER,
    HOST_INVALID,
    INPUT_SCHEME_UNSUPPORTED,
    LONGEST_ENDPOINT,
    PORT_INVALID,
    URL_MALFORMED,
    USERINFO_IN_URL,
    Endpoint,
    parse_endpoint,
)

ACCEPTED = [
    ("https", "https"),  # a host can have any name
    ("http:8080", "http:8080"),
    ("https:443/v3", "https:443/v3"),
    ("https.example.com", "https.example.com"),
    ("https/v3", "https/v3"),
    ("http://https", "http://https"),
    ("http://https:8443/https", "http://https:8443/https"),
    ("dead.beef:80", "dead.beef:80"),
    ("192.168.1.100:8080", "192.168.1.100:8080"),
    ("cloud.example.com", "cloud.example.com"),
    ("https://cloud.example.com", "https://cloud.example.com"),
    ("http://h:80/zstack/v1", "http://h:80/zstack/v1"),
    ("LOCALHOST", "localhost"),  # A20
    ("HTTPS://Cloud.Example.COM:443/Zstack/", "https://cloud.example.com:443/Zstack"),  # A20
    ("localhost.", "localhost."),  # A8: the guard judges what it resolves to
    ("0.0.0.0", "0.0.0.0"),  # A6: well spelled; the guard refuses the address  # noqa: S104
    ("[::]", "[::]"),
    ("[::1]:8080", "[::1]:8080"),
    ("[2001:DB8:0:0::1]", "[2001:db8::1]"),
    ("[::ffff:7f00:1]", "[::ffff:127.0.0.1]"),  # A9: one spelling for the guard to judge
    ("münchen.example", "xn--mnchen-3ya.example"),
    ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
    ("p\u0430ypal.com", "xn--pypal-4ve.com"),  # D10: a Cyrillic letter shows as what it is
    ("1.a", "1.a"),
    ("h/", "h"),
    ("h/a/", "h/a"),
    ("h/a-b_c.d~e", "h/a-b_c.d~e"),
    ("my_minio:9000", "my_minio:9000"),
    (".".join(["a" * 63] * 3 + ["a" * 61]), ".".join(["a" * 63] * 3 + ["a" * 61])),
]

REFUSED = {
    URL_MALFORMED: [
        "",
        "http://evil/#@good",  # D3
        "h#x",
        "h?x=1",
        "http://h/a?b",
        "http:\\\\h",  # D2
        "h/a\\b",
        "h/%2e%2e/x",  # D6
        "h/%252e%252e/x",
        "h/../x",  # D12
        "h/./x",
        "h/..;/x",
        "http://h/..;/x",
        "h/a b".replace(" ", ";"),
        "http://" + "a" * 1_000_000,  # D11
        "a" * (LONGEST_ENDPOINT + 1),
        "http:h",
        "http:/h",
    ],
    INPUT_SCHEME_UNSUPPORTED: [  # D7
        "file:///etc/passwd",
        "gopher://h:70/x",
        "dict://h:11211/stat",
        "ftp://h",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
        "://h",
    ],
    PORT_INVALID: [  # D9
        "h:",
        "h:0",
        "h:65536",
        "h:99999999999999999999",
        "h:-1",
        "h:+80",
        "h:080",
        "h:0x50",
        "h:8o8o",
        "h:٨٠",
        "unix:/var/run/docker.sock",
    ],
    HOST_INVALID: [
        "2130706433",  # A1
        "0177.0.0.1",  # A2
        "0x7f000001",  # A3
        "0X7F000001",
        "0x7f.1",  # A4
        "127.1",  # A5
        "10.1",
        "0",  # A6
        "256.256.256.256",  # A7
        "1.1.1.257",
        "127.0.0.1.",  # A8
        "127.0.0.1.2",
        "localhost.0x1",
        "fe80::1%eth0",  # A15
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "[::1%lo]",
        "::1",
        "2001:db8::1:443",
        "[::1",
        "[::1]x",
        "[]",
        "[:]",
        "[192.0.2.1]",
        "[v1.fe80::a]",
        "h:80:80",
        "h%2525",  # D6
        "%31%32%37.0.0.1",
        "//host",  # D8
        "http:///host",
        "https://",
        "https://:443",
        "/..;/",  # D12
        ".",
        "..",
        "a..b",
        ".a",
        "-a.example",
        "a-.example",
        "a" * 64,  # D10
        ".".join(["a" * 63] * 4),
        "ä" * 64,
        "ä" * 254,  # D10: quadratic in idna
        "א" * LONGEST_ENDPOINT,
        "aא.example",  # D10: mixed directions
        "☃.example",
    ],
    HIDDEN_CHARACTER: [
        "①②⑦.⓪.⓪.①",  # A17
        "１２７.0.0.1",  # noqa: RUF001
        "127．0．0．1",  # noqa: RUF001
        "127｡0｡0｡1",
        "ⓛocalhost",  # A18
        "127.0.0.1\x00.good.com",  # A19
        "h\r\nX-Injected: 1",  # D4
        "http://h/\r\nX-Injected: 1",
        " h",  # D5
        "h ",
        "\nh",
        "h\t",
        "h\u00a0",
        "h\u2003",
        "h:８０",  # D9  # noqa: RUF001
        "ex\u202eample.com",  # D10
        "exam\u200bple.com",
        "a\u00adb",
        "\ufeffh",
        "h\u2028",
        "a․b",  # noqa: RUF001
        "\ud800",
    ],
    USERINFO_IN_URL: [
        "good@evil",  # D1
        "http://good:secret@evil/",
        "@h",
        "h@",
        "http://good\\@evil",  # D2
        "http://evil#@good",  # D3
    ],
}  # fmt: skip

SLIPS = [
    ("https://https://h", "it has its scheme twice"),
    ("http://https:/h", "it has its scheme twice"),
    ("http:https//h", "it has its scheme twice"),
    ("https:/h", "a colon and two slashes must follow http or https"),
    ("https//h:443", "a colon and two slashes must follow http or https"),
    ("HTTPS;//h", "a colon and two slashes must follow http or https"),
    ("https:h", "a colon and two slashes must follow http or https"),
    ("https:", "a colon and two slashes must follow http or https"),
    ('"https://h"', "it is in quotation marks"),
    ("\u201ch\u201d", "it is in quotation marks"),
    ("https://<host>:5000/v3", "it has a placeholder"),
    ("${ENDPOINT}", "it has a placeholder"),
    ("https://{{host}}", "it has a placeholder"),
    ("10.0.0.1,10.0.0.2", "it must be one host, without a comma or a semicolon"),
    ("https://a;b", "it must be one host, without a comma or a semicolon"),
    ("h:443:8443", "it has two ports"),
    ("https://10.0.0.1:443:443", "it has two ports"),
    ("https://vc/ui#/login", "it must not have a fragment: remove #"),
    ("http://h/horizon/?next=x", "it must not have a query: remove ?"),
]
"""What people type, and what they are told."""

_SLIPPED = [(text, HOST_INVALID if "two ports" in told else URL_MALFORMED) for text, told in SLIPS]
ALL_REFUSED = [(text, cause) for cause, texts in REFUSED.items() for text in texts] + _SLIPPED

_LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_LAST_LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_NAMES = st.builds(
    lambda labels, last, dot: ".".join([*labels, last]) + dot,
    st.lists(_LABELS, max_size=4),
    _LAST_LABELS,
    st.sampled_from(["", "."]),
)
_SEGMENTS = st.from_regex(r"[A-Za-z0-9._~$&'()*+,=:@!-]{1,9}", fullmatch=True)
_PATHS = st.lists(_SEGMENTS.filter(lambda s: s not in (".", "..")), max_size=4)
_ADDRESSES = st.ip_addresses().map(
    lambda address: (
        f"::ffff:{mapped}"  # as each Python would write it from 3.13 on
        if (mapped := getattr(address, "ipv4_mapped", None))
        else str(address)
    )
)
ENDPOINTS = st.builds(
    Endpoint,
    host=_NAMES | _ADDRESSES.filter(lambda text: "%" not in text),
    port=st.none() | st.integers(1, 65535),
    scheme=st.sampled_from([None, "http", "https"]),
    path=_PATHS.map(lambda segments: "".join(f"/{segment}" for segment in segments)),
)
URL_LIKE = st.text("ab01x.:/[]@%?#\\-_é http", max_size=30)


@pytest.mark.parametrize(("text", "told"), SLIPS)
def test_a_slip_of_the_pen_is_told_as_such(text: str, told: str) -> None:
    """That a port must be a whole number helps nobody who forgot a slash."""
    with pytest.raises(Failed) as raised:
        parse_endpoint(text)

    assert told in raised.value.finding.summary({})


@pytest.mark.parametrize(("text", "canonical"), ACCEPTED)
def test_an_endpoint_has_one_canonical_spelling(text: str, canonical: str) -> None:
    """Guard, certificate check and report must all speak of the same host."""
    assert str(parse_endpoint(text)) == canonical


def test_the_parts_of_a_full_url_are_told_apart() -> None:
    """A port taken for a path, or a bracket left on the host, would reach the wrong service."""
    endpoint = parse_endpoint("https://[2001:db8::7]:8443/zstack")

    assert endpoint == Endpoint("2001:db8::7", 8443, "https", "/zstack")
    assert endpoint.bracketed_host == "[2001:db8::7]"


def test_what_the_caller_left_out_stays_open_for_the_product() -> None:
    """Only the product knows its usual port."""
    endpoint = parse_endpoint("cloud.example.com")

    assert (endpoint.scheme, endpoint.port) == (None, None)


def test_completing_keeps_what_the_caller_gave() -> None:
    """An explicit port must win over the product's usual one."""
    assert str(parse_endpoint("h:81").completed("http", 8080)) == "http://h:81"
    assert str(parse_endpoint("https://h").completed("http", 8080)) == "https://h:8080"


def test_a_certificate_is_asked_for_without_the_final_dot() -> None:
    """No certificate names an absolute name with its dot."""
    assert parse_endpoint("cloud.example.com.").server_name == "cloud.example.com"


@pytest.mark.parametrize(("text", "cause"), ALL_REFUSED, ids=lambda value: repr(value)[:40])
def test_a_doubtful_spelling_is_refused(text: str, cause: Cause) -> None:
    """What two parsers read differently gets past a guard."""
    with pytest.raises(Failed) as caught:
        parse_endpoint(text)

    assert caught.value.cause is cause


def test_every_cause_of_the_module_happens() -> None:
    """A cause that nothing leads to is a promise that the code does not keep."""
    assert set(REFUSED) == set(CAUSES)


def test_a_hidden_character_is_named_with_its_place() -> None:
    """Nobody finds a character that can't be seen without being told where it is."""
    with pytest.raises(Failed) as caught:
        parse_endpoint("exam\u200bple.com")

    summary = caught.value.finding.summary({})
    assert summary == "The endpoint contains U+200B (zero width space) at position 4"


@given(ENDPOINTS)
def test_every_valid_endpoint_survives_being_written_and_read(endpoint: Endpoint) -> None:
    """The worker reads the endpoint that the API wrote; the two must not differ."""
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=60) | URL_LIKE)
@example("http://user:secret@h/")
def test_any_text_is_either_refused_or_survives_being_written_and_read(text: str) -> None:
    """Whatever is sent: no crash, no second meaning, and nothing of it in the answer."""
    try:
        outcome: Endpoint | Failed = parse_endpoint(text)
    except Failed as failed:
        outcome = failed

    if isinstance(outcome, Endpoint):
        assert parse_endpoint(str(outcome)) == outcome
    else:
        assert any(outcome.cause is cause for cause in CAUSES)
        assert len(text) <= 6 or text not in outcome.finding.summary({})
