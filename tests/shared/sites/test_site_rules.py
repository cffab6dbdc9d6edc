import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.endpoint import parse_endpoint
from shared.sites.site_rules import NO_RULES, SiteRules

RULES = SiteRules.parse(
    "fra1=10.20.0.0/16, fra.example.com, 2001:db8:20::/48;"
    "sin1=10.20.30.0/24,sin.fra.example.com ; sin1 = bücher.example, 192.0.2.9;"
    "default=lab.sin.fra.example.com;"
)


def site_for(endpoint: str, rules: SiteRules = RULES) -> str | None:
    return rules.site_for(parse_endpoint(endpoint))


@pytest.mark.parametrize(
    ("endpoint", "site"),
    [
        ("10.20.1.1:8080", "fra1"),
        ("10.20.30.1", "sin1"),
        ("10.21.0.1", None),
        ("192.0.2.9:443", "sin1"),
        ("192.0.2.10:443", None),
        ("https://[2001:db8:20::1]:5000/v3", "fra1"),
        ("https://[2001:db8:21::1]:5000/v3", None),
        ("[::ffff:10.20.1.1]:443", "fra1"),
        ("[::ffff:0a14:1e01]:443", "sin1"),
        ("https://fra.example.com", "fra1"),
        ("https://cloud.FRA.example.com.:8443/api", "fra1"),
        ("notfra.example.com", None),
        ("example.com", None),
        ("a.b.sin.fra.example.com", "sin1"),
        ("lab.sin.fra.example.com", "default"),
        ("shop.bücher.example", "sin1"),
        ("shop.xn--bcher-kva.example", "sin1"),
    ],
)
def test_the_most_specific_rule_decides(endpoint: str, site: str | None) -> None:
    """An exception within a network or a domain must not depend on the order of the rules."""
    assert site_for(endpoint) == site


def test_the_rest_goes_where_an_asterisk_says() -> None:
    """An installation whose own data centre has no platforms tests nothing from there."""
    rules = SiteRules.parse("fra1=*; sin1=0.0.0.0/0")

    assert site_for("cloud.example.com", rules) == "fra1"
    assert site_for("[2001:db8::1]", rules) == "fra1"
    assert site_for("192.0.2.1", rules) == "sin1"


def test_the_sites_that_rules_name_are_known() -> None:
    """Each of them must be declared."""
    assert RULES.sites == {"fra1", "sin1", "default"}
    assert SiteRules.parse("fra1=*").sites == {"fra1"}
    assert SiteRules.parse(" ; ") == NO_RULES
    assert site_for("10.20.1.1", NO_RULES) is None


def test_a_rule_that_is_repeated_for_its_site_is_none_twice() -> None:
    """A generated setting may repeat itself."""
    assert SiteRules.parse("fra1=10.0.0.0/8; fra1=10.0.0.0/8") == SiteRules.parse("fra1=10.0.0.0/8")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fra1", "fra1: must be like"),
        ("fra1=", "fra1=: must be like"),
        ("=10.0.0.0/8", "is not the name of a site"),
        ("Fra1=10.0.0.0/8", "Fra1: is not the name of a site"),
        ("fra1=10.0.0.0/8 sin1=10.1.0.0/16", "neither a network"),
        ("fra1=10.0.0.1/8", "10.0.0.1/8: is neither a network"),
        ("fra1=10.0.0", "10.0.0: is neither a network"),
        ("fra1=https://fra.example.com", "neither a network"),
        ("fra1=fra.example.com:443", "neither a network"),
        ("fra1=*.fra.example.com", "fra.example.com stands for all names below it as well"),
        ("fra1=*.", "needless"),
        ("fra1=a..b", "neither a network"),
        ("fra1=a\u202eb", "a\ufffdb: is neither"),
        ("fra1=" + "x" * 3000, "…: is neither"),
        ("fra1=10.0.0.0/8; sin1=10.0.0.0/8", "10.0.0.0/8 can't belong to two sites: fra1 and sin1"),
        ("fra1=::ffff:10.0.0.0/104; sin1=10.0.0.0/8", "can't belong to two sites"),
        ("fra1=192.0.2.1; sin1=192.0.2.1/32", "can't belong to two sites"),
        ("fra1=a.example; sin1=A.example.", "a.example can't belong to two sites"),
        ("fra1=*; sin1=*", r"\* can't belong to two sites"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, problem: str) -> None:
    """A key pair must not be presented from a place that nobody meant."""
    with pytest.raises(ValueError, match=problem) as raised:
        SiteRules.parse(text)

    assert len(str(raised.value)) < 300


@given(st.text(alphabet="fra1=;,*. /:0x\u202e[]", max_size=60))
def test_any_text_is_rules_or_refused(text: str) -> None:
    """The setting is read at the start, where an unexpected error says nothing."""
    try:
        rules = SiteRules.parse(text)
    except ValueError:
        return

    assert all(rules.sites)
