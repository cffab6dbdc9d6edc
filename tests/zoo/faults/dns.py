"""Faults of names: what resolvers answer, and that they don't."""

from collections.abc import Iterator
from itertools import count

import dns.message
import dns.name

from tests.certificates.crafted import Authority
from tests.network.name_server import (
    Answer,
    after,
    failing,
    knowing,
    name_server,
    resolving,
    silent,
    truncating,
    unless_checked,
)
from tests.network.namespaces import own_files
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault, healthy
from tests.zoo.situations import trusting

HOST = "cloud.example.com"
HERE = "10.9.0.1"
TARGET = Target(f"http://{HOST}:8080")
ON_LO = (f"address add {HERE}/32 dev lo", "address add fd09::1/128 dev lo nodad")
RIGHT = knowing({HOST: [f"A {HERE}"]})
QUICK = "timeout:1"
ALIASES = {f"a{n}.example.com": [f"CNAME a{n + 1}.example.com."] for n in range(12)}


def aliases_alone(answer: Answer) -> Answer:
    """Answer queries for aliases, and fail at those for addresses, as resolvers do with loops."""

    def answer_some(query: dns.message.Message) -> dns.message.Message | bytes | None:
        is_alias = query.question[0].rdtype == dns.rdatatype.CNAME
        return (answer if is_alias else failing("SERVFAIL"))(query)

    return answer_some


def failing_first(queries: int, answer: Answer) -> Answer:
    """Fail at some queries, then answer."""
    numbers = count()
    return lambda query: (failing("SERVFAIL") if next(numbers) < queries else answer)(query)


@fault("dns_lookup", "dns.nxdomain", network=())
def the_name_is_misspelt() -> Iterator[Target]:
    """The name does not exist in its zone."""
    with resolving(RIGHT):
        yield Target("http://clowd.example.com:8080")


@fault("dns_lookup", "dns.nxdomain", network=())
def the_top_level_is_misspelt() -> Iterator[Target]:
    """The top-level domain does not exist."""
    with resolving(RIGHT):
        yield Target("http://cloud.example.con:8080")


@fault("dns_lookup", "dns.nxdomain", network=())
def a_short_name_is_in_no_searched_domain() -> Iterator[Target]:
    """A short name exists in none of the domains that are searched."""
    with resolving(RIGHT, search="example.com corp.example.com"):
        yield Target("http://clowd:8080")


@fault("dns_lookup", "dns.nodata", network=())
def the_name_has_mail_alone() -> Iterator[Target]:
    """The name has MX records but no address."""
    with resolving(knowing({HOST: ["MX 10 mail.example.com."]})):
        yield TARGET


@fault("dns_lookup", "dns.nodata", network=())
def the_name_is_a_mere_node() -> Iterator[Target]:
    """The name exists without any record."""
    with resolving(failing("NOERROR")):
        yield TARGET


@fault("dns_lookup", "dns.cname_chain_broken", network=())
def the_alias_dangles() -> Iterator[Target]:
    """The name is an alias of a name that was deleted."""
    with resolving(knowing({HOST: ["CNAME gone.example.com."]})):
        yield TARGET


@fault("dns_lookup", "dns.cname_chain_broken", network=())
def the_alias_of_an_alias_has_no_address() -> Iterator[Target]:
    """The name is an alias of a name that has no address."""
    chain = {HOST: ["CNAME lb.example.com."], "lb.example.com": ["TXT soon"]}
    with resolving(knowing(chain)):
        yield TARGET


@fault("dns_lookup", "dns.cname_chain_broken", network=())
def the_aliases_go_in_circles() -> Iterator[Target]:
    """Two aliases point at each other, and the resolver gives up."""
    chain = {HOST: ["CNAME lb.example.com."], "lb.example.com": [f"CNAME {HOST}."]}
    with resolving(aliases_alone(knowing(chain))):
        yield TARGET


@fault("dns_lookup", "dns.cname_chain_broken", network=())
def the_alias_points_at_itself() -> Iterator[Target]:
    """An alias points at itself, and the resolver answers with it."""
    with resolving(knowing({HOST: [f"CNAME {HOST}."]})):
        yield TARGET


@fault("dns_lookup", "dns.cname_chain_broken", network=())
def there_are_too_many_aliases() -> Iterator[Target]:
    """A chain of aliases is longer than the resolver follows."""
    with resolving(aliases_alone(knowing(ALIASES))):
        yield Target("http://a0.example.com:8080")


@fault("dns_lookup", "dns.servfail", network=())
def the_zone_is_lame() -> Iterator[Target]:
    """The resolver can't find out (SERVFAIL)."""
    with resolving(failing("SERVFAIL")):
        yield TARGET


@fault("dns_lookup", "dns.servfail", network=())
def no_authority_answers() -> Iterator[Target]:
    """The zone's name servers are down, and the resolver says so (EDE 22)."""
    with resolving(failing("SERVFAIL", 22, "at 192.0.2.53 for example.com")):
        yield TARGET


@fault("dns_lookup", "dns.dnssec_bogus", network=())
def the_signature_has_expired() -> Iterator[Target]:
    """The zone's DNSSEC signature has expired (EDE 7)."""
    with resolving(failing("SERVFAIL", 7)):
        yield TARGET


@fault("dns_lookup", "dns.dnssec_bogus", network=())
def the_signature_is_wrong() -> Iterator[Target]:
    """DNSSEC fails at a resolver that does not say why."""
    with resolving(unless_checked(RIGHT, failing("SERVFAIL"))):
        yield TARGET


@fault("dns_lookup", "dns.refused", network=())
def the_resolver_does_not_serve_us() -> Iterator[Target]:
    """The resolver's access list leaves this service out."""
    with resolving(failing("REFUSED", 18)):
        yield TARGET


@fault("dns_lookup", "dns.filtered", network=())
def the_resolver_filters() -> Iterator[Target]:
    """A filtering resolver denies the name, and says so (EDE 17)."""
    with resolving(failing("NXDOMAIN", 17, "category: hacking")):
        yield TARGET


@fault("dns_lookup", "dns.sinkhole", network=())
def the_resolver_sinks_the_name() -> Iterator[Target]:
    """A filtering resolver answers 0.0.0.0."""
    with resolving(knowing({HOST: ["A 0.0.0.0", "AAAA ::"]})):
        yield TARGET


@fault("dns_lookup", "dns.truncated_tcp_blocked", network=())
def large_answers_can_not_be_fetched() -> Iterator[Target]:
    """The answer is too large for UDP, and 53/tcp is closed."""
    with resolving(truncating):
        yield TARGET


@fault("dns_lookup", "dns.timeout", network=())
def the_resolver_is_silent() -> Iterator[Target]:
    """The only resolver does not answer."""
    with resolving(silent, options=QUICK):
        yield TARGET


@fault("dns_lookup", "dns.resolver_unreachable", network=())
def no_resolver_runs() -> Iterator[Target]:
    """Nothing listens where the resolver should be."""
    with resolving():
        yield TARGET


@fault("dns_lookup", "dns.resolver_unreachable", network=())
def the_resolver_is_in_no_known_network() -> Iterator[Target]:
    """There is no route to the resolver."""
    with own_files("nameserver 10.1.1.1\noptions timeout:1 attempts:1\n"):
        yield TARGET


@fault("dns_lookup", "dns.split_horizon", "dns.nxdomain", network=())
def the_resolvers_know_different_zones() -> Iterator[Target]:
    """The first resolver denies a name that the second one knows."""
    with resolving(failing("NXDOMAIN"), RIGHT):
        yield TARGET


@fault("dns_lookup", "dns.refused", "dns.timeout", network=())
def each_resolver_has_a_fault_of_its_own() -> Iterator[Target]:
    """One resolver is silent and the other refuses."""
    with resolving(silent, failing("REFUSED"), options=QUICK):
        yield TARGET


@fault("dns_lookup", "dns.resolver_failed", network=())
def the_resolver_understands_nothing() -> Iterator[Target]:
    """The resolver calls every query malformed (FORMERR)."""
    with resolving(failing("FORMERR")):
        yield TARGET


@fault("dns_lookup", "dns.resolver_failed", network=())
def the_resolver_answers_rubbish() -> Iterator[Target]:
    """What the resolver answers is no DNS message."""
    with resolving(lambda query: query.to_wire()[:2] + b"\x81\x80\xff\xff", options=QUICK):
        yield TARGET


def for_the_name(answer: Answer, otherwise: Answer) -> Answer:
    """Answer queries for HOST in one way, and others in another."""
    host = dns.name.from_text(HOST)
    return lambda query: (answer if query.question[0].name == host else otherwise)(query)


def without_ipv6(query: dns.message.Message) -> dns.message.Message | bytes | None:
    """Answer queries for IPv4 addresses alone."""
    is_for_ipv6 = query.question[0].rdtype == dns.rdatatype.AAAA
    return (silent if is_for_ipv6 else RIGHT)(query)


@fault("dns_lookup", "dns.intermittent", network=())
def one_of_several_forwarders_fails() -> Iterator[Target]:
    """The resolver fails for a while, and answers when it is asked without DNSSEC, and then again.

    The C library asks twice for each family, and is asked twice itself.
    """
    with resolving(failing_first(5, RIGHT)):
        yield TARGET


@fault("dns_lookup", "dns.zone_silent", network=())
def the_zones_name_servers_are_silent() -> Iterator[Target]:
    """A resolver waits in vain for the zone's name servers, and answers for other zones."""
    with resolving(for_the_name(silent, failing("NOERROR")), options=QUICK):
        yield TARGET


@fault("dns_lookup", "dns.servfail", network=())
def the_zones_name_servers_are_dead() -> Iterator[Target]:
    """A resolver reports SERVFAIL for the zone, and answers for other zones."""
    with resolving(for_the_name(failing("SERVFAIL"), failing("NOERROR"))):
        yield TARGET


@healthy("dns.aaaa_unanswered", network=ON_LO)
def a_resolver_that_drops_ipv6_queries() -> Iterator[Target]:
    """A resolver that answers A queries and drops AAAA ones."""
    with resolving(without_ipv6), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://{HOST}:{port}")


@fault("dns_lookup", "self.undetermined", network=())
def a_lookup_fails_by_chance() -> Iterator[Target]:
    """The resolver fails twice, and answers when it is asked directly."""
    with resolving(failing_first(4, RIGHT)):
        yield TARGET


@fault("tcp_connect", "dns.only_aaaa_no_v6", network=())
def there_is_ipv6_alone_and_no_way_to_it() -> Iterator[Target]:
    """The name has AAAA records alone, and this service has no IPv6."""
    with resolving(knowing({HOST: ["AAAA 2001:db8::7"]})):
        yield TARGET


@fault("tcp_connect", "tcp.refused", "dns.wildcard", network=ON_LO)
def a_wildcard_answers_for_a_misspelt_name() -> Iterator[Target]:
    """A misspelt name has the address of a wildcard record."""
    with resolving(knowing({"*.example.com": [f"A {HERE}"]})):
        yield Target("http://clowd.example.com:8080")


@healthy(network=ON_LO)
def an_absolute_name() -> Iterator[Target]:
    """A name with a final dot."""
    with resolving(RIGHT), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://{HOST}.:{port}")


@healthy(network=ON_LO)
def a_chain_of_three_aliases() -> Iterator[Target]:
    """An alias of an alias of an alias."""
    chain = {"a0.example.com": ["CNAME a1.example.com."], "a1.example.com": [f"CNAME {HOST}."]}
    records = {"www.example.com": ["CNAME a0.example.com."], **chain, HOST: [f"A {HERE}"]}
    with resolving(knowing(records)), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://www.example.com:{port}")


@healthy(network=ON_LO)
def ipv6_alone() -> Iterator[Target]:
    """A name that has an IPv6 address alone, where there is IPv6."""
    with resolving(knowing({HOST: ["AAAA fd09::1"]})), zstack_node(host="fd09::1") as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("dns.hosts_override", network=ON_LO)
def a_line_in_the_hosts_file() -> Iterator[Target]:
    """A name that /etc/hosts alone knows."""
    with (
        resolving(failing("NXDOMAIN"), hosts=f"{HERE} {HOST}"),
        zstack_node(host=HERE) as (_, port),
    ):
        yield Target(f"http://{HOST}:{port}")


@healthy("dns.search_suffix", network=ON_LO)
def a_short_name_that_is_found() -> Iterator[Target]:
    """A short name that the search list completes."""
    with resolving(RIGHT, search="example.com"), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://cloud:{port}")


@healthy("dns.slow", network=ON_LO)
def a_slow_resolver() -> Iterator[Target]:
    """A resolver that takes its time."""
    with resolving(after(1.8, RIGHT)), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("dns.slow", network=ON_LO)
def a_dead_first_resolver() -> Iterator[Target]:
    """A first resolver that is dead, and a second one that answers."""
    with resolving(silent, RIGHT, options="timeout:2"), zstack_node(host=HERE) as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("dns.loopback_answer", network=())
def a_name_for_loopback() -> Iterator[Target]:
    """A name whose record is 127.0.0.1, for a platform on this very machine."""
    with resolving(knowing({HOST: ["A 127.0.0.1"]})), zstack_node() as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy(network=ON_LO)
def an_answer_over_tcp() -> Iterator[Target]:
    """An answer that is too large for UDP and is fetched over TCP."""
    with (
        own_files(),
        name_server(truncating, tcp=RIGHT),
        zstack_node(host=HERE) as (_, port),
    ):
        yield Target(f"http://{HOST}:{port}")


@healthy(network=ON_LO)
def a_name_with_an_underscore() -> Iterator[Target]:
    """A name with an underscore, as containers have them, with a certificate for it."""
    name, authority = "my_cloud.example.com", Authority()
    tls = authority.issue(name).server_context()
    with (
        resolving(knowing({name: [f"A {HERE}"]})),
        zstack_node(host=HERE, tls=tls) as (_, port),
    ):
        yield trusting(authority, Target(f"https://{name}:{port}"))
