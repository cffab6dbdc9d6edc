"""Causes of a name without a usable address, and their order of precedence."""

from shared.diagnosis.causes import Cause

_USE_AN_ADDRESS = "Use the platform's address instead of its name."

NXDOMAIN = Cause(
    code="dns.nxdomain",
    owner="caller",
    summary=(
        "The name {host} does not exist in the DNS[, looked up as {looked_up}][: the zone {zone} "
        "has no {missing}][: there is no top-level domain {top_level}]"
    ),
    remedies=(
        "Check the spelling of {host}, and use the fully qualified name.",
        "Create an A or AAAA record for {host}[ in the zone {zone}].",
    ),
    field="endpoint",
)
NODATA = Cause(
    code="dns.nodata",
    owner="network",
    summary="The name {host} exists in the DNS, but has no address[; it has {types} records]",
    remedies=("Create an A or AAAA record for {host}.", "Check the spelling of {host}."),
    field="endpoint",
)
CNAME_CHAIN_BROKEN = Cause(
    code="dns.cname_chain_broken",
    owner="network",
    summary="The CNAME chain of {host} does not lead to an address: {chain} {fault}",
    remedies=(
        "Point the alias {alias} at a name that has an address.",
        "Use the platform's own name or address.",
    ),
    field="endpoint",
)
SPLIT_HORIZON = Cause(
    code="dns.split_horizon",
    owner="network",
    summary=(
        "This service's resolvers[ at site {at_site}] disagree on {host}: {refusing} has no "
        "address, {answering} returns {addresses}"
    ),
    remedies=(
        "Make the zone of {host} known to all name servers of this service[ at site {at_site}], "
        "or remove {refusing}.",
        "If the record is new, wait until it has reached all name servers.",
        "Use the platform's address instead of its name.",
    ),
)
FILTERED = Cause(
    code="dns.filtered",
    owner="network",
    summary="The resolver {resolvers} filters the name {host}: {extended}",
    remedies=("Ask the operators of the resolver {resolvers} to allow {host}.", _USE_AN_ADDRESS),
)
SINKHOLE = Cause(
    code="dns.sinkhole",
    owner="network",
    summary="The resolver returns {addresses} for {host}, as DNS filters do for blocked names",
    remedies=(
        "Ask the operators of this service's resolver[ at site {at_site}] to allow {host}.",
        _USE_AN_ADDRESS,
    ),
)
DNSSEC_BOGUS = Cause(
    code="dns.dnssec_bogus",
    owner="network",
    summary=(
        "The resolver {resolvers} rejects the answer for {host}: DNSSEC validation fails[ "
        "({extended})]"
    ),
    remedies=(
        "Sign the zone of {host} again, or correct its DS record in the parent zone; exempt an "
        "internal zone from the validation on {resolvers}.",
        "Check the clock of the resolver {resolvers}.",
        _USE_AN_ADDRESS,
    ),
)
SERVFAIL = Cause(
    code="dns.servfail",
    owner="network",
    summary=(
        "The resolver {resolvers} failed to look up {host} (SERVFAIL)[: {extended}][; it does "
        "answer for the zone {control}, so the name servers of this zone are at fault][; it fails "
        "for the zone {failing_control}, too]"
    ),
    remedies=(
        "Fix the name servers of the zone of {host}, or the forwarder of {resolvers}.",
        "Check the spelling of {host}.",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
INTERMITTENT = Cause(
    code="dns.intermittent",
    owner="network",
    summary=(
        "The resolver {resolvers} answers for {host} at times only: it failed ({rcode}), and then "
        "returned {addresses}"
    ),
    remedies=(
        "Look for one of several name servers or forwarders that fails, and for lost packets on "
        "port 53.",
        "Test again.",
        _USE_AN_ADDRESS,
    ),
)
ZONE_SILENT = Cause(
    code="dns.zone_silent",
    owner="network",
    summary=(
        "The resolver {resolvers} works, but has no answer for {host}: the name servers of its "
        "zone are silent"
    ),
    remedies=(
        "Start the name servers of the zone of {host}, or correct the forwarder of {resolvers} for "
        "that zone.",
        "Check the spelling of {host}.",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
AAAA_UNANSWERED = Cause(
    code="dns.aaaa_unanswered",
    owner="network",
    summary=(
        "The resolver {resolvers} returns {addresses} for {host}, but does not answer queries for "
        "IPv6 addresses (AAAA)[ other than with {rcode}], which makes lookups slow or fail"
    ),
    remedies=(
        "Have {resolvers}, or the firewall or load balancer in front of it, answer AAAA queries, "
        "if only with an empty answer.",
        "Add `options single-request-reopen` or `options no-aaaa` to /etc/resolv.conf[ at site "
        "{at_site}].",
        _USE_AN_ADDRESS,
    ),
)
DNS_REFUSED = Cause(
    code="dns.refused",
    owner="network",
    summary=(
        "The resolver {resolvers} refuses to answer this service[ at site {at_site}][: {extended}]"
    ),
    remedies=(
        "Allow this service[ at site {at_site}][ ({egress})] in the access list of the resolver "
        "{resolvers}.",
        "Configure another name server for this service[ at site {at_site}] in /etc/resolv.conf.",
    ),
)
TRUNCATED_TCP_BLOCKED = Cause(
    code="dns.truncated_tcp_blocked",
    owner="network",
    summary=(
        "The answer for {host} is too large for UDP, and {resolvers} cannot be queried over TCP "
        "({error})"
    ),
    remedies=(
        "Open 53/tcp[ from {egress}] to {resolvers}.",
        "Remove addresses of {host} until the answer fits into one packet.",
    ),
)
RESOLVER_FAILED = Cause(
    code="dns.resolver_failed",
    owner="network",
    summary="The name {host} could not be looked up: the resolver gave no result[ ({rcode})]",
    remedies=(
        "Check the spelling of {host}; if it is correct, check the name servers of this service[ "
        "at site {at_site}].",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
DNS_TIMEOUT = Cause(
    code="dns.timeout",
    owner="network",
    summary="The name {host} could not be looked up[ within {waited_s} s]"
    "[: {resolvers} did not answer]",
    remedies=(
        "Check that this service[ at site {at_site}][ ({egress})] can reach [{resolvers} on ]port "
        "53, UDP and TCP.",
        "In /etc/resolv.conf[ at site {at_site}], put a name server that answers first[, for "
        "example {answering}].",
        _USE_AN_ADDRESS,
    ),
)
RESOLVER_UNREACHABLE = Cause(
    code="dns.resolver_unreachable",
    owner="network",
    summary="The resolver {resolvers} cannot be reached ({error}), so {host} was not looked up",
    remedies=(
        "Start the name server on {resolvers}, or correct /etc/resolv.conf of this service[ at "
        "site {at_site}].",
        _USE_AN_ADDRESS,
    ),
)
UNDETERMINED = Cause(
    code="self.undetermined",
    owner="us",
    summary=(
        "It is not clear whether {host} can be looked up: the system's resolver says {system}, "
        "but {answering}, asked directly, returns {addresses}"
    ),
    remedies=(
        "Test again; the failure may have been a coincidence.",
        "Check /etc/nsswitch.conf and the DNS cache on this service's machine[ at site {at_site}].",
    ),
)
HOSTS_OVERRIDE = Cause(
    code="dns.hosts_override",
    owner="us",
    severity="warning",
    summary="{host} was not looked up in the DNS: line {line} of /etc/hosts gives {addresses}",
    remedies=(
        "If it is out of date, remove line {line} of /etc/hosts on this service's machine[ at "
        "site {at_site}].",
    ),
)
SEARCH_SUFFIX = Cause(
    code="dns.search_suffix",
    owner="caller",
    severity="warning",
    summary=(
        "{host} was found as {found_as}, through this service's search list[ at site {at_site}]"
    ),
    remedies=("Use the full name, {found_as}, which means the same everywhere.",),
    field="endpoint",
)
LOOPBACK_ANSWER = Cause(
    code="dns.loopback_answer",
    owner="network",
    severity="warning",
    summary="The resolver returns {addresses} for {host}: a DNS filter, or a record for local use",
    remedies=(
        "Correct the record of {host}, or ask the operators of the resolver to allow the name.",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
SLOW = Cause(
    code="dns.slow",
    owner="network",
    severity="warning",
    summary="Looking up {host} took {took_s} s",
    remedies=(
        "In /etc/resolv.conf of this service[ at site {at_site}], put the name server that "
        "answers first: a lookup of several seconds means that a server before it is down, or that "
        "queries for IPv6 addresses (AAAA) are not answered.",
    ),
)
WILDCARD = Cause(
    code="dns.wildcard",
    owner="caller",
    severity="warning",
    summary="Every name below {zone} resolves to {addresses}, so {host} may be misspelt",
    remedies=("Check the spelling of {host}.",),
    field="endpoint",
)
ONLY_AAAA_NO_V6 = Cause(
    code="dns.only_aaaa_no_v6",
    owner="network",
    summary=(
        "{host} has only IPv6 addresses, and this service[ at site {at_site}] has no IPv6 route "
        "to the internet"
    ),
    remedies=(
        "Create an A record for {host}.",
        "Give this service's machine[ at site {at_site}] an IPv6 address and route.",
    ),
    field="endpoint",
)

TELLING_FIRST = (
    SPLIT_HORIZON,
    INTERMITTENT,
    FILTERED,
    DNSSEC_BOGUS,
    CNAME_CHAIN_BROKEN,
    TRUNCATED_TCP_BLOCKED,
    NXDOMAIN,
    NODATA,
    SERVFAIL,
    ZONE_SILENT,
    DNS_REFUSED,
    RESOLVER_FAILED,
    DNS_TIMEOUT,
    RESOLVER_UNREACHABLE,
)
"""If resolvers differ, the first of these is the cause and the others contribute: an answer about
the name comes before a resolver's error, and an error before silence."""
