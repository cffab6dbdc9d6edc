"""Why a name has no usable address, and which of several reasons is told first."""

from shared.diagnosis.causes import Cause

_USE_AN_ADDRESS = "Give the address of the platform instead of its name."

NXDOMAIN = Cause(
    code="dns.nxdomain",
    owner="caller",
    summary="The name {host} does not exist in the DNS[, asked for as {asked}]"
    "[: the zone {zone} has no {missing}][: there is no top-level domain {top_level}]",
    remedies=(
        "Check the spelling of {host}, and write it with its whole domain.",
        "Create an A or AAAA record for {host}[ in the zone {zone}].",
    ),
    field="endpoint",
)
NO_ADDRESS = Cause(
    code="dns.nodata",
    owner="network",
    summary="The name {host} exists in the DNS but has no address[; it has {types} records]",
    remedies=("Create an A or AAAA record for {host}.", "Check the spelling of {host}."),
    field="endpoint",
)
CHAIN_BROKEN = Cause(
    code="dns.cname_chain_broken",
    owner="network",
    summary="The aliases of {host} lead nowhere: {chain} {fault}",
    remedies=(
        "Point the alias {alias} at a name that has an address.",
        "Give the name or address of the platform itself.",
    ),
    field="endpoint",
)
SPLIT_HORIZON = Cause(
    code="dns.split_horizon",
    owner="network",
    summary="This service's resolvers disagree on {host}: no address from {refusing}, but "
    "{addresses} from {answering}",
    remedies=(
        "Let all name servers of this service know the zone of {host}, or remove {refusing}.",
        "Wait until the record has reached all name servers, if it is new.",
        "Give the address of the platform instead of its name.",
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
    summary="The resolver answers {addresses} for {host}, as DNS filters do for names they block",
    remedies=(
        "Ask the operators of this service's resolver to allow {host}.",
        _USE_AN_ADDRESS,
    ),
)
DNSSEC_BOGUS = Cause(
    code="dns.dnssec_bogus",
    owner="network",
    summary="The resolver {resolvers} does not believe the answer for {host}: DNSSEC fails"
    "[ ({extended})]",
    remedies=(
        "Have the zone of {host} signed anew, or its DS record at the parent zone corrected.",
        "Check the clock of the resolver {resolvers}.",
        _USE_AN_ADDRESS,
    ),
)
SERVFAIL = Cause(
    code="dns.servfail",
    owner="network",
    summary="The resolver {resolvers} could not find out about {host} (SERVFAIL)[: {extended}]",
    remedies=(
        "Mend the name servers of the zone of {host}, or the forwarder of {resolvers}.",
        "Check the spelling of {host}.",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
QUERY_REFUSED = Cause(
    code="dns.refused",
    owner="network",
    summary="The resolver {resolvers} refuses to answer this service[: {extended}]",
    remedies=(
        "Allow [{egress} ]in the access list of the resolver {resolvers}.",
        "Give this service another name server in /etc/resolv.conf.",
    ),
)
TRUNCATED = Cause(
    code="dns.truncated_tcp_blocked",
    owner="network",
    summary="The answer for {host} is too large for UDP, and {resolvers} can't be asked over TCP "
    "({error})",
    remedies=(
        "Open 53/tcp[ from {egress}] to {resolvers}.",
        "Remove addresses of {host} until the answer fits into one packet.",
    ),
)
RESOLVER_FAILED = Cause(
    code="dns.resolver_failed",
    owner="network",
    summary="The name {host} could not be looked up: the resolver gave no answer to it[ ({rcode})]",
    remedies=(
        "Check the spelling of {host}; if it is right, check the name servers of this service.",
        _USE_AN_ADDRESS,
    ),
    field="endpoint",
)
NO_ANSWER = Cause(
    code="dns.timeout",
    owner="network",
    summary="The name {host} could not be looked up[ within {waited_s} s]"
    "[: {resolvers} did not answer]",
    remedies=(
        "Check that this service[ ({egress})] reaches [{resolvers} ]on port 53, UDP and TCP.",
        "Put a name server that answers first in /etc/resolv.conf[; {answering} does].",
        _USE_AN_ADDRESS,
    ),
)
RESOLVER_UNREACHABLE = Cause(
    code="dns.resolver_unreachable",
    owner="network",
    summary="The resolver {resolvers} can't be reached ({error}), so {host} was not looked up",
    remedies=(
        "Start the name server on {resolvers}, or correct /etc/resolv.conf of this service.",
        _USE_AN_ADDRESS,
    ),
)
UNDETERMINED = Cause(
    code="self.undetermined",
    owner="us",
    summary="It is undetermined whether {host} can be looked up: the system's resolver says "
    "{system}, but {answering}, asked directly, gives {addresses}",
    remedies=(
        "Test again; the lookup may have failed by chance.",
        "Check /etc/nsswitch.conf and the DNS cache on this service's machine.",
    ),
)
HOSTS_OVERRIDE = Cause(
    code="dns.hosts_override",
    owner="us",
    severity="warning",
    summary="{host} was not looked up in the DNS: line {line} of /etc/hosts says {addresses}",
    remedies=("Remove line {line} of /etc/hosts on this service's machine if it is out of date.",),
)
SEARCH_SUFFIX = Cause(
    code="dns.search_suffix",
    owner="caller",
    severity="warning",
    summary="{host} was found as {found_as}, by this service's search list",
    remedies=("Give the whole name, {found_as}, so that it means the same everywhere.",),
    field="endpoint",
)
LOOPBACK_ANSWER = Cause(
    code="dns.loopback_answer",
    owner="network",
    severity="warning",
    summary="The resolver answers {addresses} for {host}: a DNS filter, or a record for local use",
    remedies=(
        "Correct the record of {host}, or ask the resolver's operators to allow the name.",
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
        "Put the name server that answers first in /etc/resolv.conf of this service: "
        "a lookup of some seconds means that one before it is dead.",
    ),
)
WILDCARD = Cause(
    code="dns.wildcard",
    owner="caller",
    severity="warning",
    summary="Every name below {zone} has the address {addresses}, so {host} may be misspelt",
    remedies=("Check the spelling of {host}.",),
    field="endpoint",
)
ONLY_AAAA = Cause(
    code="dns.only_aaaa_no_v6",
    owner="network",
    summary="{host} has IPv6 addresses alone, and this service has no way into the IPv6 internet",
    remedies=(
        "Create an A record for {host}.",
        "Give this service's machine an IPv6 address and route.",
    ),
    field="endpoint",
)

TELLING_FIRST = (
    SPLIT_HORIZON,
    FILTERED,
    DNSSEC_BOGUS,
    CHAIN_BROKEN,
    TRUNCATED,
    NXDOMAIN,
    NO_ADDRESS,
    SERVFAIL,
    QUERY_REFUSED,
    RESOLVER_FAILED,
    NO_ANSWER,
    RESOLVER_UNREACHABLE,
)
"""Where resolvers differ, the first of these is the cause and the others contribute to it: what
was said of the name comes before what a resolver could not say, and that before silence."""
