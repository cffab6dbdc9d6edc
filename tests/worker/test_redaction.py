import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.platform.product import Credentials
from shared.text import LONGEST_SHOWN
from worker.redaction import (
    _SHORTEST_HASH,
    MOST_PARTS,
    REDACTED,
    SHORTEST,
    SHORTEST_PIECE,
    Redactor,
    _forms,
    _hashes,
    _pieces,
    _shortest_piece,
)

SECRET = 's3cr/et +=ü&"'
ACCESS = "AKID1234567890"


def redactor(access_key: str = ACCESS, secret_key: str = SECRET) -> Redactor:
    return Redactor(Credentials(SecretStr(access_key), SecretStr(secret_key)))


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        b64encode(SECRET.encode()).decode(),
        b64encode(SECRET.encode()).decode().rstrip("="),
        "s3cr%2fet%20%2b%3d%c3%bc%26%22",
        json.dumps(SECRET)[1:-1],
        escape(SECRET),
        b64encode(f"{ACCESS}:{SECRET}".encode()).decode(),
        ACCESS,
        b64encode(ACCESS.encode()).decode(),
    ],
)
def test_a_secret_that_comes_back_is_taken_out_in_each_of_its_forms(form: str) -> None:
    """A platform may echo in an error what it was sent."""
    assert redactor()(f"you sent <{form}>") == f"you sent <{REDACTED}>"


def test_every_occurrence_is_taken_out() -> None:
    """One left over is one too many."""
    assert redactor().text(f"{SECRET} {ACCESS} {SECRET}") == f"{REDACTED} {REDACTED} {REDACTED}"


def test_secrets_are_taken_out_of_lists() -> None:
    """A certificate's names are the platform's text as well."""
    assert redactor()((SECRET, "harmless")) == (REDACTED, "harmless")


@pytest.mark.parametrize("fact", [200, 1.5, True])
def test_numbers_stay_as_they_are(fact: float) -> None:
    """They are measurements of ours."""
    assert redactor()(fact) is fact


def test_a_secret_within_the_other_leaves_no_rest() -> None:
    """Taking the shorter one out first would leave the longer one's tail to be read."""
    both = redactor(access_key="hunter2", secret_key="hunter2-and-more")

    assert both.text("it was hunter2-and-more") == f"it was {REDACTED}"


def test_a_secret_of_a_few_letters_does_not_blot_out_the_text() -> None:
    """Redacting each "a" would leave nothing to read, and tell the secret by its gaps."""
    tiny = "a" * (SHORTEST - 1)

    assert redactor(access_key=tiny, secret_key=tiny).text("aaa banana") == "aaa banana"


def test_what_a_platform_sent_is_fit_to_be_shown_afterwards() -> None:
    """It ends up in terminals, log lines and pages."""
    fact = redactor()(("a\x1b[2Jb\n", "fine"))

    assert fact == ("a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}", "fine")


def test_what_a_platform_sent_is_cut_to_a_length_that_can_be_read() -> None:
    """Evidence is kept for a day and sent with each look at the job."""
    fact = redactor()("x" * 100_000)

    assert fact == "x" * LONGEST_SHOWN + "…"


def test_a_secret_is_taken_out_before_the_text_is_cut() -> None:
    """The half of a secret that is left before the cut would not be found any more."""
    before = "x" * (LONGEST_SHOWN - 5)

    assert redactor().text(before + SECRET * 3) == f"{before}{REDACTED}"[:LONGEST_SHOWN] + "…"


def test_a_secret_option_is_taken_out_too() -> None:
    """A platform may echo the header that a session token was in."""
    token = SecretStr("FwoGZXIvYXdzE+/=")
    redact = Redactor(Credentials(SecretStr(ACCESS), SecretStr(SECRET), (token,)))

    assert redact(f"you sent {quote('FwoGZXIvYXdzE+/=', safe='')}") == f"you sent {REDACTED}"


def redacted(text: str) -> str:
    secret = SecretStr("c4nary/secret+7f3a 9=")
    return Redactor(Credentials(SecretStr("AKID0001"), secret)).text(text)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("spell", [bytes.hex, lambda raw: raw.hex().upper(), b64encode])
def test_the_hash_of_a_secret_is_one_too(name: str, spell: Callable[[bytes], object]) -> None:
    """ZStack's login, for one, is sent the SHA-512 of the password instead of it."""
    digest = hashlib.new(name, b"c4nary/secret+7f3a 9=").digest()
    spelled = spell(digest)
    text = spelled.decode() if isinstance(spelled, bytes) else str(spelled)

    assert redacted(f"got {text}!") == f"got {REDACTED}!"


@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_secret_in_the_encoding_of_a_longer_text_is_found(
    before: str, encode: Callable[[bytes], bytes]
) -> None:
    """Base64 spells it in three ways, by what stands before it."""
    encoded = encode(f"{before}c4nary/secret+7f3a 9=after it".encode()).decode()

    shown = redacted(encoded)

    assert REDACTED in shown
    left = max(shown.split(REDACTED), key=len)
    assert len(left) < 20


def test_what_was_sent_in_its_place_comes_back_from_no_platform() -> None:
    """A signature can be replayed, and a session opens everything for a while."""
    redact = Redactor(Credentials(SecretStr("AKID0001"), SecretStr("c4nary-secret")))
    signature = "q83vEjRWeJCrze8SNFZ4kKvN7xI="
    redact.learn(
        {
            "Authorization": f"ZStack AKID0001:{signature}",
            "Cookie": "JSESSIONID=0123456789abcdef; theme=dark",
            "X-Auth-Token": "gAAAAABoriginal",
            "Content-Type": "application/json; charset=utf-8",
        }
    )

    shown = redact.text(
        f"expected {signature}, {quote(signature, safe='')}, session 0123456789abcdef, "
        f"token gAAAAABoriginal, {b64encode(signature.encode()).decode()}"
    )

    assert shown == (
        f"expected {REDACTED}, {REDACTED}, session {REDACTED}, token {REDACTED}, {REDACTED}"
    )
    assert redact.text("application/json; charset=utf-8, theme=dark") == (
        "application/json; charset=utf-8, theme=dark"
    )


def test_without_credentials_nothing_is_taken_out() -> None:
    """A look at a certificate has none."""
    assert Redactor().text("anything") == "anything"


def test_of_a_long_list_the_beginning_is_shown() -> None:
    """A name server may send 4,000 addresses, and all evidence is kept for a day."""
    fact = redactor()(tuple(f"10.0.{n}.1" for n in range(200)))

    assert isinstance(fact, tuple)
    assert len(fact) == MOST_PARTS + 1
    assert fact[-1] == "and 150 more"


@given(st.text(min_size=1, max_size=60))
def test_no_form_is_shorter_than_the_texts_it_is_looked_for_in(secret: str) -> None:
    """Forms are spelled when a text is long enough; one that is shorter would be missed."""
    assert min(map(len, _forms(secret))) >= len(secret)
    assert all(len(piece) >= _shortest_piece(secret) for piece in _pieces(secret))
    assert min(map(len, _hashes(secret))) >= _SHORTEST_HASH


def test_a_short_text_is_searched_after_a_long_one_and_before() -> None:
    """What is spelled when must make no difference."""
    redact = redactor(access_key="hunter2", secret_key="a-longer-secret-0123456789")

    assert redact.text("hunter2") == REDACTED
    assert redact.text("it was a-longer-secret-0123456789, hunter2") == (
        f"it was {REDACTED}, {REDACTED}"
    )
    assert redact.text("hunter2") == REDACTED


def named(access_key: str, secret_key: str, *further: str) -> Redactor:
    """Return the redactor of a job whose access key is a user's name."""
    hidden = tuple(map(SecretStr, further))
    return Redactor(
        Credentials(SecretStr(access_key), SecretStr(secret_key), hidden, access_key_is_public=True)
    )


def test_a_user_s_name_can_be_read() -> None:
    """Nearly every OpenStack has a project, a role and a user of the name admin."""
    redact = named("administrator@vsphere.local", "hunter2-hunter2")
    redact.learn({"Authorization": 'Digest username="administrator@vsphere.local", nonce="1"'})

    assert redact(("admin", "administrator@vsphere.local")) == (
        "admin",
        "administrator@vsphere.local",
    )


@pytest.mark.parametrize(
    ("user", "password"),
    [("admin", "admin"), ("administrator", "admin"), ("Administrator", "adminis"), ("x-ab", "ab")],
)
def test_a_user_s_name_that_tells_the_secret_is_hidden(user: str, password: str) -> None:
    """The password of many appliances is the user's name."""
    assert named(user, password).text(f"no user {user}.") == f"no user {REDACTED}."


def test_a_name_that_tells_a_secret_option_is_hidden() -> None:
    """A session token is a secret too."""
    assert named("admin-of-it", "hunter2", "of-it").text("admin-of-it") == REDACTED


def test_a_user_whose_password_begins_with_the_name_is_shown_and_the_password_is_not() -> None:
    """The name alone does not tell that."""
    redact = named("admin", "admin-2026")
    pair = b64encode(b"admin:admin-2026").decode()

    assert redact.text(f"admin sent admin-2026, {pair}") == f"admin sent {REDACTED}, {REDACTED}"


def test_h8_the_gap_of_a_short_secret_does_not_tell_it() -> None:
    """Whoever reads "[redacted]istrators" knows the word, and so the secret."""
    redact = named("svc", "admin")

    assert redact.text("the administrators of my_admin_host, /admin/x and Sadmin") == (
        f"the {REDACTED} of {REDACTED}, /{REDACTED}/x and {REDACTED}"
    )


def test_a_long_text_without_blanks_takes_no_time() -> None:
    """A platform chooses the text around a secret that it echoes."""
    assert named("svc", "admin").text("a" * 500_000 + "admin" + "b" * 500_000) == REDACTED


def test_the_words_of_every_signed_request_can_be_read() -> None:
    """A platform that misses a header names it, and the scheme that it knows."""
    redact = redactor()
    redact.learn(
        {
            "X-Amz-Content-SHA256": "e3b0c44298fc1c149afbf4c8996fb924",
            "Authorization": (
                f"AWS4-HMAC-SHA256 Credential={ACCESS}/20260101/us-east-1/s3/aws4_request, "
                "SignedHeaders=host;x-amz-content-sha256, Signature=0123456789abcdef0123"
            ),
        }
    )
    said = "AWS4-HMAC-SHA256 needs x-amz-content-sha256 and X-Amz-Content-SHA256"

    assert redact.text(said) == said
    assert redact.text("not 0123456789abcdef0123") == f"not {REDACTED}"


def go_json(secret: str) -> str:
    spelled = json.dumps(secret, ensure_ascii=False)[1:-1]
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", spelled)


def pair_of_another(secret: str) -> str:
    return b64encode(f"user:{secret}".encode()).decode()


SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.lower,
    str.upper,
    lambda secret: secret.encode().hex(),
    lambda secret: secret.encode().hex().upper(),
    lambda secret: b64encode(secret.encode()).decode(),
    lambda secret: urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    lambda secret: quote(b64encode(secret.encode()).decode(), safe=""),
    pair_of_another,
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(secret, safe="!'()*"),
    lambda secret: quote(secret),
    quote_plus,
    escape,
    lambda secret: escape(secret, quote=False),
    lambda secret: escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    go_json,
    lambda secret: hashlib.sha256(secret.encode()).hexdigest(),
]
WORDS = ("admin", "administrator", "password", "project", "root", "user", "Zugang", "x-amz-date")
MARKS = st.sampled_from(("", "-", "1", "2026", "/+=", "'\"&<>", " ", "@", "ü", "A"))
SECRETS = st.one_of(
    st.builds("".join, st.tuples(st.sampled_from(WORDS), MARKS, st.sampled_from(("", *WORDS)))),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=SHORTEST),
).filter(lambda secret: SHORTEST <= len(secret) <= 60 and secret.lower() not in REDACTED)
AROUND = st.one_of(st.sampled_from(("", " ", "no ", "=", "/", "x", '"', *WORDS)), st.text())


@pytest.mark.parametrize("spell", SPELLINGS)
def test_every_spelling_is_taken_out_whole(spell: Callable[[str], str]) -> None:
    """JSON, HTML and URLs escape a quotation mark in ten ways, and platforms use all of them."""
    secret = 'It\'s <a>&"b"/c+d=!ü~*'

    shown = named("user", secret).text(f"<{spell(secret)}>")

    assert REDACTED in shown
    assert "a>" not in shown.lower()
    assert len(shown) < len(f"<{REDACTED}>") + 8  # of a pair, the name's part in base64 may be left


@given(SECRETS, st.sampled_from(SPELLINGS), AROUND, AROUND, st.sampled_from(WORDS), st.booleans())
def test_h8_no_secret_is_left_in_any_spelling_whatever_is_around_it(
    secret: str, spell: Callable[[str], str], before: str, after: str, word: str, is_user: bool
) -> None:
    """Secrets equal, contain and are contained in common words, and in the user's name."""
    # Of a short secret, what every text with it has in common in base64 is too short to look for.
    assume(spell is not pair_of_another or len(secret) >= SHORTEST_PIECE)
    echo = spell(secret)
    access = word if is_user else f"{before}{secret}"[:60] or word
    redact = named(access, secret)
    redact.learn({"Authorization": f"Basic {b64encode(f'{access}:{secret}'.encode()).decode()}"})

    shown = redact.text(f"{before}{echo}{after}")

    hidden = shown.replace(REDACTED, "\n")
    assert echo not in hidden
    assert secret not in hidden


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("hunter2-hunter2 ", "hunter2-hunter2"),  # a header's value, a trimmed field
        (" hunter2-hunter2", "hunter2-hunter2"),
        ("hunter2  hunter2", "hunter2 hunter2"),  # a message is made one line
        ("pässwörtlich", "pÃ¤sswÃ¶rtlich"),  # a header in UTF-8, read as Latin-1
        ("pässwörtlich", "p\ufffdssw\ufffdrtlich"),  # a body in Latin-1, read as UTF-8
    ],
)
def test_h8_a_secret_that_our_own_parsers_changed_is_hidden(secret: str, shown: str) -> None:
    """A platform repeats it as it is; what is shown of that is another text."""
    redact = named("svc", secret)

    assert redact.text(f"no user with={shown}.") == f"no user with={REDACTED}."


def test_h8_a_name_beside_the_same_secret_with_a_blank_is_hidden() -> None:
    """The blank is the only difference between them."""
    assert named("hunter2", "hunter2 ").text("no user hunter2") == f"no user {REDACTED}"


@pytest.mark.parametrize(
    "echo",
    [
        "ab%2512%2526%2540z",  # twice
        "ab%12&%40z",  # only what this server escapes
        "ab%12&#38;@z",
        "ab%12&#x26;&#x40;z",
        r"ab%12\u0026\u0040z",
        r"ab%12\&\@z",
    ],
)
def test_h8_a_text_with_a_secret_in_an_unknown_escape_is_hidden_whole(echo: str) -> None:
    """No list of the escapes of all servers is complete."""
    assert named("svc", "ab%12&@z").text(f"/login?next={echo}#x") == REDACTED


def test_escapes_without_a_secret_are_shown() -> None:
    """Most URLs have some."""
    text = r"/a%20b?c=%2Fd&amp;e C:\Users"

    assert named("svc", "ab%12&@z").text(text) == text
