from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.preferences import LONGEST_WAIT_S, Preferences


@pytest.mark.parametrize(
    "lines", [(), ("",), (" ",), ("handling=lenient",), ("return=minimal; x=y", "")]
)
def test_nothing_is_preferred_unless_it_is_said(lines: tuple[str, ...]) -> None:
    """The documented call waits; other preferences are for other servers (RFC 7240 2)."""
    assert Preferences.parse(*lines) == Preferences()


@pytest.mark.parametrize(
    ("header", "preferences"),
    [
        ("respond-async", Preferences(respond_async=True)),
        ("wait=10", Preferences(wait_s=10)),
        ("respond-async, wait=10", Preferences(respond_async=True, wait_s=10)),
        ("wait=10,respond-async", Preferences(respond_async=True, wait_s=10)),
        ("handling=lenient, wait=10, respond-async", Preferences(respond_async=True, wait_s=10)),
        ("Respond-Async, WAIT=10", Preferences(respond_async=True, wait_s=10)),
        ("  respond-async ,\twait = 10 ", Preferences(respond_async=True, wait_s=10)),
        ('wait="10"', Preferences(wait_s=10)),
        ('respond-async=""', Preferences(respond_async=True)),
        ("respond-async; a=b, wait=10; c", Preferences(respond_async=True, wait_s=10)),
        (",, respond-async,,", Preferences(respond_async=True)),
    ],
)
def test_every_spelling_of_the_standard_is_read(header: str, preferences: Preferences) -> None:
    """Names are case-insensitive, values may be quoted, parameters follow a semicolon."""
    assert Preferences.parse(header) == preferences


@pytest.mark.parametrize(
    "header",
    [
        'x="a, respond-async, wait=10"',
        'x; y="a, respond-async, wait=10"',
        r'x="\", respond-async, wait=10"',
        'x="never closed, respond-async, wait=10',
    ],
)
def test_a_comma_in_quotes_separates_nothing(header: str) -> None:
    """What stands in another server's value is no wish of the caller's."""
    assert Preferences.parse(header) == Preferences()
    assert Preferences.parse(f"wait=5, {header}") == Preferences(wait_s=5)


def test_what_follows_a_quoted_comma_is_read() -> None:
    """The quotes end where they end."""
    header = 'x="a, b"; y="c, d", respond-async, wait="10"'

    assert Preferences.parse(header) == Preferences(respond_async=True, wait_s=10)


@pytest.mark.parametrize(
    "lines", [("respond-async", "wait=10"), ("wait=10", "respond-async, wait=5"), ('x="', "")]
)
def test_the_lines_of_a_header_are_one_list(lines: tuple[str, ...]) -> None:
    """RFC 9110 5.3; a quote that one line never closes does not swallow the next."""
    expected = Preferences(respond_async=True, wait_s=10)

    assert Preferences.parse(*lines, "respond-async", "wait=10") == expected


@pytest.mark.parametrize("header", ["wait=5, wait=10", "wait=5, WAIT=10", 'wait="5",wait=x'])
def test_the_first_of_duplicates_counts(header: str) -> None:
    """RFC 7240 2: those after it are to be ignored."""
    assert Preferences.parse(header).wait_s == 5


@pytest.mark.parametrize(
    "value",
    ["", "x", "-1", "+1", "1.5", "1e3", "0x10", "\u0661", "\u00b2", "1 2", "'1'", "9" * 5000],
)
def test_an_odd_wait_is_none(value: str) -> None:
    """A preference may always be ignored; an error for it would be worse."""
    assert Preferences.parse(f"respond-async, wait={value}") == Preferences(respond_async=True)


def test_nobody_waits_longer_than_a_connection_lives() -> None:
    """A proxy in between would have hung up long before."""
    assert Preferences.parse(f"wait={LONGEST_WAIT_S + 1}").wait_s == LONGEST_WAIT_S
    assert Preferences.parse("wait=999999").wait_s == LONGEST_WAIT_S


@pytest.mark.parametrize(
    "header", ["x-respond-async", "respond-asynchronously", "a; respond-async"]
)
def test_a_name_that_only_looks_alike_is_another(header: str) -> None:
    """A caller that never asked for a 202 would not know what to do with it."""
    assert not Preferences.parse(header).respond_async


@given(st.text())
def test_whatever_is_sent_is_read_without_an_error(header: str) -> None:
    """The header comes from outside."""
    assert Preferences.parse(header).wait_s in (None, *range(LONGEST_WAIT_S + 1))


@pytest.mark.parametrize(
    "piece", [" ", "a", "wait=", '"', ",", ";", "=", 'a="b;', r'a="\"', "a= ", "wait=1,"]
)
def test_a_giant_header_costs_no_time(piece: str) -> None:
    """A pattern that backtracks would stop the whole event loop."""
    header = piece * (200_000 // len(piece))

    began_s = thread_time()
    Preferences.parse(header + "\0")

    assert thread_time() - began_s < 2


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        ("respond-async", "respond-async"),
        ("respond-async, wait=10", "respond-async, wait=10"),
        ("respond-async, wait=0", "respond-async"),
        ("respond-async, wait=1000", f"respond-async, wait={LONGEST_WAIT_S}"),
        ("respond-async, handling=lenient", "respond-async"),
    ],
)
def test_the_answer_says_what_was_applied(header: str, applied: str) -> None:
    """RFC 7240 3: nothing that was ignored is in it."""
    assert Preferences.parse(header).applied == applied
