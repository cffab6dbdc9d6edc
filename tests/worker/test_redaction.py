import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.platform.product import Credentials
from shared.text import LONGEST_SHOWN
from worker.redaction import (
    MOST_PARTS,
    REDACTED,
    SHORTEST,
    Redactor,
    _derived,
    _forms,
    _shortest_derived,
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
    assert min(map(len, _derived(secret))) >= _shortest_derived(secret)


def test_a_short_text_is_searched_after_a_long_one_and_before() -> None:
    """What is spelled when must make no difference."""
    redact = redactor(access_key="hunter2", secret_key="a-longer-secret-0123456789")

    assert redact.text("hunter2") == REDACTED
    assert redact.text("it was a-longer-secret-0123456789, hunter2") == (
        f"it was {REDACTED}, {REDACTED}"
    )
    assert redact.text("hunter2") == REDACTED
