import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shared
import worker
from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.facts import MOST_CHARACTERS, MOST_PARTS, checked, is_declared
from shared.diagnosis.outcomes import Fact, named_in
from shared.mock.facts import MOCK_FACTS
from shared.products import PRODUCTS
from shared.text import LONGEST_SHOWN

OF_THE_API = {
    *(
        "access_key_is",
        "allowable",
        "at_site",
        "host",
        "job",
        "port",
        "product",
        "reported",
        "secret_key_is",
    ),
    *("source", "url"),
}
"""What the API knows, or checks in a way of its own (shared/reporting/)."""
FOUND_BY_THE_API = ("input.site_unknown", "policy.site_blocked")
OURS = ("kept_in", "flaw", "violation", "reason", "mistyped_as", "side", "fault")
ADDRESSES = ("address", "egress", "refusing", "addresses")


def given_in(path: Path) -> Iterator[str]:
    """Yield the names of the facts that a module gives to Failed and Passed."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Failed", "Passed"):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def test_every_fact_in_a_text_is_declared() -> None:
    """An undeclared one is never shown."""
    missing = {
        (one.code, name)
        for one in catalogue().values()
        if not one.code.startswith("sites.") and one.code not in FOUND_BY_THE_API
        for name in named_in(one.summary, *one.remedies) - OF_THE_API
        if not is_declared(name) and not name.startswith("usable_")
    }
    assert not missing


def test_every_fact_that_a_step_gives_is_declared() -> None:
    """Evidence that nobody sees is none."""
    modules = [path for root in (shared, worker) for path in Path(root.__path__[0]).rglob("*.py")]

    given = {(path.name, name) for path in modules for name in given_in(path)}
    assert [one for one in given if not is_declared(one[1]) and one[1] not in OF_THE_API] == []


def test_every_part_of_an_identity_is_declared() -> None:
    """Whose key pair it is is what some callers ask for."""
    parts = [part for product in PRODUCTS.values() for part in product.identity.values()]
    told = {name for part in parts for name in part.facts}

    assert told
    assert [name for name in told if not is_declared(name)] == []


def test_facts_in_their_form_stay_as_they_are() -> None:
    """The check must not change what an honest worker tells."""
    facts = {name: fact for name, fact in MOCK_FACTS.items() if is_declared(name)}

    assert checked(facts) == facts


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("status", "503; call 555-0100"),
        ("status", float("nan")),
        ("status", float("inf")),
        ("status", True),
        ("status", ("503",)),
        ("says", 7),
        ("trusted", 1),
        ("trusted", "yes"),
        ("call_us", "at 555-0100"),
        ("9.call_us", "at 555-0100"),
        ("sha256", "ab"),
        ("date", "today, call us"),
        ("host", "a.example or call us"),
        ("where", "a.example (call us)"),
        ("error", "call us"),
        ("character", "U+200B (call us)"),
        ("character", "U+FFFFFF (call us)"),
        *((name, "call 555-0100 for help") for name in OURS),
        *((name, "call 555-0100 for help") for name in ADDRESSES),
    ],
)
def test_what_has_another_form_than_its_name_says_is_left_out(name: str, told: Fact) -> None:
    """Words of a stolen worker would stand in a sentence as if they were ours."""
    assert checked({name: told}) == {}


def test_what_a_platform_says_is_one_short_line() -> None:
    """A worker has redacted it so already; a stolen one has not."""
    found = checked({"says": "\x1b[2Jcall\nus" + "x" * 10_000_000, "server": "nginx"})

    assert str(found["says"]).isprintable()
    assert len(str(found["says"])) == LONGEST_SHOWN + 1
    assert found["server"] == "nginx"


def test_a_url_of_a_platform_is_no_sentence() -> None:
    """It stands in advice, and not as a quotation."""
    found = checked({"location": "https://a.example/ call 555-0100"})

    assert found == {"location": "https://a.example/%20call%20555-0100"}


def test_a_list_is_cut() -> None:
    """The last part may say how many more there are."""
    many = tuple(f"192.0.2.{n}" for n in range(200))
    found = checked({"addresses": (*many[:MOST_PARTS], "and 150 more"), "names": ("x" * 150,) * 80})

    addresses, names = found["addresses"], found["names"]
    assert isinstance(addresses, tuple)
    assert isinstance(names, tuple)
    assert addresses == (*many[:MOST_PARTS], "and 150 more")
    assert len(checked({"addresses": many})["addresses"]) == MOST_PARTS + 1  # type: ignore[arg-type]
    assert sum(map(len, names)) <= MOST_CHARACTERS
    assert checked({"addresses": ("192.0.2.1", "call us")}) == {"addresses": ("192.0.2.1",)}


def test_a_number_beyond_all_bounds_is_a_text() -> None:
    """A platform may have sent it, and the worker has written so."""
    assert checked({"status": "out of range", "says": "x"}) == {
        "status": "out of range",
        "says": "x",
    }
    assert checked({"retry_after_s": 1e300}) == {}


def test_each_certificate_has_facts_of_its_own() -> None:
    """They are told apart by their position."""
    facts: dict[str, Fact] = {"0.subject": "leaf", "1.key_bits": 256, "0.ignored_because": ("x y",)}

    assert checked(facts) == {"0.subject": "leaf", "1.key_bits": 256, "0.ignored_because": ()}
