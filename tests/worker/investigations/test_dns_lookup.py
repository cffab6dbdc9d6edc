from collections.abc import Mapping, Sequence
from itertools import count

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from tests.network.loopback import KNOWN, said
from tests.network.name_server import (
    Answer,
    failing,
    knowing,
    resolving,
    silent,
    truncating,
    unless_checked,
)
from tests.network.namespaces import in_own_network
from worker.deadline import Deadline
from worker.dns.causes import (
    AAAA_UNANSWERED,
    CNAME_CHAIN_BROKEN,
    DNS_REFUSED,
    DNS_TIMEOUT,
    DNSSEC_BOGUS,
    FILTERED,
    INTERMITTENT,
    NODATA,
    NXDOMAIN,
    RESOLVER_FAILED,
    RESOLVER_UNREACHABLE,
    SERVFAIL,
    SPLIT_HORIZON,
    TRUNCATED_TCP_BLOCKED,
    UNDETERMINED,
    WILDCARD,
    ZONE_SILENT,
)
from worker.investigations.dns_lookup import (
    MOST_ALIASES,
    answered_in_part,
    why_not_found,
    wildcard,
)

HOST = "cloud.example.com"
RIGHT = knowing({HOST: ["A 10.0.0.7"]})
PLAIN = Failed(RESOLVER_FAILED, code=-3)
LONG = {f"a{n}.example.com": [f"CNAME a{n + 1}.example.com."] for n in range(20)}


def cut_off(query: dns.message.Message) -> dns.message.Message:
    """Answer with some of the addresses, and that there are more."""
    response = RIGHT(query)
    assert isinstance(response, dns.message.Message)
    response.flags |= dns.flags.TC
    return response


def why(*answers: Answer, host: str = HOST, plain: Failed = PLAIN, search: str = "") -> Failed:
    """Return what is said of `host` where the name servers answer so."""

    def act() -> Failed | None:
        with resolving(*answers, search=search):
            return why_not_found(host, plain, Deadline.after(3))

    failed = in_own_network(act)
    assert failed
    assert "{" not in said(failed)
    return failed


@pytest.mark.parametrize(
    ("answer", "cause", "facts"),
    [
        (knowing({}), NXDOMAIN, {"zone": "example.com", "missing": HOST}),
        (knowing({}, zones=["."]), NXDOMAIN, {"top_level": "com"}),
        (failing("NXDOMAIN"), NXDOMAIN, {"rcode": "NXDOMAIN"}),
        (failing("NOERROR"), NODATA, {}),
        (knowing({HOST: ["MX 1 m.", "TXT x"]}), NODATA, {"types": ("MX", "TXT")}),
        (failing("SERVFAIL"), SERVFAIL, {}),
        (failing("SERVFAIL", 23), SERVFAIL, {"extended": "network error"}),
        (failing("SERVFAIL", 4242, "x"), SERVFAIL, {"extended": "extended error 4242, x"}),
        (failing("SERVFAIL", 10), DNSSEC_BOGUS, {"extended": "rrsigs missing"}),
        (unless_checked(RIGHT, failing("SERVFAIL")), DNSSEC_BOGUS, {"addresses": ("10.0.0.7",)}),
        (failing("REFUSED"), DNS_REFUSED, {}),
        (failing("REFUSED", 18), DNS_REFUSED, {"extended": "prohibited"}),
        (failing("NOTIMP"), RESOLVER_FAILED, {"rcode": "NOTIMP"}),
        (failing("NOERROR", 15), FILTERED, {"extended": "blocked"}),
        (truncating, TRUNCATED_TCP_BLOCKED, {"error": "ECONNREFUSED"}),
        (cut_off, TRUNCATED_TCP_BLOCKED, {"error": "ECONNREFUSED"}),
        (silent, DNS_TIMEOUT, {"resolvers": "127.0.0.53"}),
    ],
)
def test_the_answer_decides_the_cause(
    answer: Answer, cause: Cause, facts: Mapping[str, Fact]
) -> None:
    """getaddrinfo(3) has one code for most of them, and they are different people's to mend."""
    failed = why(answer)

    assert failed.cause is cause
    assert failed.finding.facts["code"] == -3
    assert facts.items() <= failed.finding.facts.items()


def test_without_time_nobody_is_asked_and_nobody_is_silent() -> None:
    """A verdict of silence needs somebody who was asked."""
    with pytest.raises(TimeoutError):
        why_not_found(HOST, PLAIN, Deadline.after(0))


def test_what_was_found_counts_although_the_time_ends() -> None:
    """A resolver that fails at once can take long to fail without DNSSEC."""

    def act() -> Failed | None:
        with resolving(unless_checked(silent, failing("SERVFAIL"))):
            return why_not_found(HOST, PLAIN, Deadline.after(0.5))

    failed = in_own_network(act)

    assert failed
    assert failed.cause is SERVFAIL


def test_a_resolver_that_does_not_run_is_unreachable() -> None:
    """The name has nothing to do with it."""
    failed = why()

    assert failed.cause is RESOLVER_UNREACHABLE
    assert failed.finding.facts["error"] == "ECONNREFUSED"


@pytest.mark.parametrize(
    ("records", "chain", "fault"),
    [
        ({HOST: ["CNAME x.example.com."]}, f"{HOST} -> x.example.com", "does not exist"),
        (
            {HOST: ["CNAME x.example.com."], "x.example.com": ["TXT x"]},
            f"{HOST} -> x.example.com",
            "has no address",
        ),
        ({HOST: [f"CNAME {HOST}."]}, f"{HOST} -> {HOST}", "forms a loop"),
        (
            {HOST: ["CNAME x.example.com."], "x.example.com": [f"CNAME {HOST.upper()}."]},
            f"{HOST} -> x.example.com -> {HOST}",
            "forms a loop",
        ),
    ],
)
def test_the_chain_of_aliases_is_shown(
    records: Mapping[str, Sequence[str]], chain: str, fault: str
) -> None:
    """The record that is wrong may be in somebody else's zone."""
    failed = why(knowing(records))

    assert failed.cause is CNAME_CHAIN_BROKEN
    assert (failed.finding.facts["chain"], failed.finding.facts["fault"]) == (chain, fault)


def test_an_endless_chain_of_aliases_is_followed_a_little() -> None:
    """A hostile name server can make one that never ends."""
    failed = why(knowing(LONG), host="a0.example.com")

    assert failed.cause is CNAME_CHAIN_BROKEN
    assert str(failed.finding.facts["chain"]).count("->") <= 2 * MOST_ALIASES
    assert f"after {MOST_ALIASES} aliases" in said(failed)


def test_resolvers_that_disagree_are_told_with_both_answers() -> None:
    """An internal zone that one of two name servers knows is found half of the time."""
    failed = why(failing("NXDOMAIN"), RIGHT, plain=Failed(NXDOMAIN, code=-2))

    assert failed.cause is SPLIT_HORIZON
    assert [finding.cause for finding in failed.contributing] == [NXDOMAIN]
    assert "127.0.0.53 has no address, 127.0.0.54 returns 10.0.0.7" in said(failed)


def test_a_silent_resolver_beside_one_that_answers_is_the_cause() -> None:
    """The C library gave up before it came to the second one."""
    failed = why(silent, RIGHT)

    assert failed.cause is DNS_TIMEOUT
    assert "for example 127.0.0.54" in said(failed)


def test_several_resolvers_with_one_fault_are_one_cause() -> None:
    """Nobody wants to read it twice."""
    failed = why(failing("REFUSED"), failing("REFUSED"))

    assert failed.finding.facts["resolvers"] == "127.0.0.53, 127.0.0.54"
    assert failed.contributing == ()


def test_the_most_telling_of_several_faults_is_the_cause() -> None:
    """An answer says more than a refusal, and that more than silence."""
    failed = why(silent, failing("REFUSED"), failing("NXDOMAIN"))

    assert failed.cause is NXDOMAIN
    assert [finding.cause for finding in failed.contributing] == [DNS_REFUSED, DNS_TIMEOUT]


def test_where_all_answer_now_nothing_is_certain() -> None:
    """The evidence conflicts, and a guess would send somebody on a fool's errand."""
    failed = why(RIGHT)

    assert failed.cause is UNDETERMINED
    assert failed.finding.facts["answering"] == ("127.0.0.53",)


def test_an_address_of_the_other_family_is_one_too() -> None:
    """A platform may have IPv6 alone."""
    assert why(knowing({HOST: ["AAAA fd00::7"]})).cause is UNDETERMINED


def only_ipv4(otherwise: Answer) -> Answer:
    """Answer queries for IPv4 addresses rightly, and those for IPv6 ones as `otherwise` does."""

    def answer(query: dns.message.Message) -> dns.message.Message | bytes | None:
        is_for_ipv6 = query.question[0].rdtype == dns.rdatatype.AAAA
        return (otherwise if is_for_ipv6 else RIGHT)(query)

    return answer


@pytest.mark.parametrize(
    ("otherwise", "rcode"), [(silent, None), (failing("SERVFAIL"), "SERVFAIL")]
)
def test_ipv6_queries_without_an_answer_are_told(otherwise: Answer, rcode: str | None) -> None:
    """The resolver is there and knows the name; the system's lookup waits for the other half."""
    failed = why(only_ipv4(otherwise))

    assert failed.cause is AAAA_UNANSWERED
    assert failed.finding.facts.get("rcode") == rcode
    assert failed.finding.facts["addresses"] == ("10.0.0.7",)


@pytest.mark.parametrize(
    ("answer", "addresses"),
    [
        (only_ipv4(silent), ("10.0.0.7",)),
        (RIGHT, None),
        (silent, None),
    ],
)
def test_what_is_known_without_ipv6_is_enough_to_go_on(
    answer: Answer, addresses: Sequence[str] | None
) -> None:
    """The platform works, and its other clients wait a little longer for its address."""

    def act() -> tuple[Sequence[str], Finding] | None:
        with resolving(answer):
            return answered_in_part(HOST, Deadline.after(3))

    found = in_own_network(act)

    assert (found and found[0]) == addresses


def at_times(*answers: Answer) -> Answer:
    """Give these answers one after the other, and the last one from then on."""
    numbers = count()
    return lambda query: answers[min(next(numbers), len(answers) - 1)](query)


def test_addresses_in_an_answer_that_failed_are_none() -> None:
    """systemd-resolved sends the records that it could not validate (systemd issue 24827)."""

    def bogus(query: dns.message.Message) -> dns.message.Message:
        response = RIGHT(query)
        assert isinstance(response, dns.message.Message)
        response.set_rcode(dns.rcode.SERVFAIL)
        return response

    assert why(unless_checked(RIGHT, bogus)).cause is DNSSEC_BOGUS
    assert why(bogus).cause is SERVFAIL


def test_a_resolver_that_fails_at_times_is_no_fault_of_dnssec() -> None:
    """The query without validation was answered, and so is the next one with it."""
    failed = why(at_times(failing("SERVFAIL"), RIGHT))

    assert failed.cause is INTERMITTENT
    assert "failed (SERVFAIL), and then returned 10.0.0.7" in said(failed)


def for_the_name(answer: Answer, otherwise: Answer) -> Answer:
    """Answer queries for HOST with `answer`, and others with `otherwise`."""
    host = dns.name.from_text(HOST)
    return lambda query: (answer if query.question[0].name == host else otherwise)(query)


@pytest.mark.parametrize(
    ("otherwise", "text"),
    [
        (failing("NOERROR"), "it does answer for the zone ., so the name servers of this zone"),
        (failing("SERVFAIL"), "it fails for the zone ., too"),
    ],
)
def test_a_control_query_tells_a_dead_zone_from_a_dead_resolver(
    otherwise: Answer, text: str
) -> None:
    """They are different people's to mend."""
    failed = why(for_the_name(failing("SERVFAIL"), otherwise))

    assert failed.cause is SERVFAIL
    assert text in said(failed)


def test_a_resolver_that_answers_others_is_not_unreachable() -> None:
    """Its forwarders wait for name servers that are down."""
    assert why(for_the_name(silent, failing("NOERROR"))).cause is ZONE_SILENT


def test_a_query_that_was_lost_is_no_dead_zone() -> None:
    """The same one is answered a moment later."""
    assert why(at_times(silent, failing("NOERROR"), RIGHT)).cause is INTERMITTENT
    assert why(at_times(silent, failing("NOERROR"), failing("NXDOMAIN"))).cause is NXDOMAIN


def test_silence_says_less_than_what_the_system_knows() -> None:
    """The system's resolver may have other ways than the name servers of resolv.conf."""

    def act() -> Failed | None:
        with resolving():
            return why_not_found(HOST, Failed(NXDOMAIN, code=-2), Deadline.after(3))

    assert in_own_network(act) is None


def test_the_names_that_were_asked_for_are_told() -> None:
    """A short name is looked up as something else than what was typed."""
    failed = why(knowing({}), host="cloud", search="example.com", plain=Failed(NXDOMAIN))

    assert failed.finding.facts["looked_up"] == ("cloud.example.com.", "cloud.")
    assert failed.finding.facts["missing"] == "cloud.example.com"


def test_the_name_that_explains_the_failure_is_looked_at() -> None:
    """The first name of the search list does not exist, the second one's zone is broken."""

    def answer(query: dns.message.Message) -> dns.message.Message | bytes | None:
        is_lame = "lame.example" in query.question[0].name.to_text()
        return (failing("SERVFAIL") if is_lame else knowing({}))(query)

    failed = why(answer, host="cloud", search="example.com lame.example")

    assert failed.cause is SERVFAIL


@pytest.mark.parametrize(
    ("records", "host", "found"),
    [
        ({"*.example.com": ["A 10.0.0.7"]}, HOST, True),
        ({HOST: ["A 10.0.0.7"]}, HOST, False),
        ({"*.example.com": ["A 10.0.0.8"]}, HOST, False),
        ({"*.com": ["A 10.0.0.7"]}, "example.com", False),
        ({"*": ["A 10.0.0.7"]}, "cloud", False),
        (
            {"*.example.com": ["A 10.0.0.7"]},
            f"a.{'x' * 60}.{'y' * 60}.{'z' * 60}.{'w' * 55}.example.com",
            False,
        ),
    ],
)
def test_a_wildcard_is_noticed(
    records: Mapping[str, Sequence[str]], host: str, *, found: bool
) -> None:
    """A misspelt name below a wildcard leads to a machine that nobody meant."""

    def act() -> Finding | None:
        with resolving(knowing(records)):
            return wildcard(host, ["10.0.0.7"], Deadline.after(3))

    finding = in_own_network(act)

    assert (finding is not None) == found
    assert finding is None or (finding.cause is WILDCARD and finding.summary(KNOWN))
