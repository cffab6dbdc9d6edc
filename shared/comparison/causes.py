"""What a comparison of sites can find."""

from shared.diagnosis.causes import Cause

ALL_PASS = Cause(
    code="sites.all_pass",
    owner="caller",
    severity="warning",
    summary=(
        "The test passes from every site that was tested: {sites}[; not tested: {untested}][; the "
        "key pair was presented from {signed_in} only]"
    ),
    remedies=(
        "If a program at one of these sites still cannot use {host}, compare its settings with "
        "this service's there: proxy, name servers, trusted certificates.",
    ),
)
ALL_FAIL_ALIKE = Cause(
    code="sites.all_fail_alike",
    owner="platform",
    severity="warning",
    summary=(
        "From every site that was tested ({sites}) the test fails alike, at {step} ({cause})[; not "
        "tested: {untested}]"
    ),
    remedies=(
        "Follow the advice for {step}, first at {host} or in the request: the sites do not differ.",
    ),
)
FAIL_DIFFERENTLY = Cause(
    code="sites.fail_differently",
    owner="platform",
    severity="warning",
    summary="No site passes {step}, and they fail differently: {where}",
    remedies=(
        "Follow the advice for {step} from one of the sites, then compare again: {host} can have "
        "several faults.",
    ),
)
NOT_COMPARABLE = Cause(
    code="sites.not_comparable",
    owner="platform",
    severity="warning",
    summary=(
        "From {sites} the test fails at {step} ({cause}); this step was not part of the test from "
        "{others}"
    ),
    remedies=(
        "Follow the advice for {step} from {sites}.",
        "[Sign in from each site (signIn=all) to compare {sign_in_step} from {sites} and "
        "{others}, once it passes from one site.]",
    ),
)
UNREACHABLE_FROM = Cause(
    code="sites.unreachable_from",
    owner="network",
    severity="warning",
    summary="From {sites} the test fails at {step} ({cause}); from {others} this step passes",
    remedies=(
        "[Allow {egress} to reach {reached} on {port}/tcp; from {others} this works.]",
        "[Compare the name servers of {nameless} with those of {others}, which find {host}.]",
        "Follow the advice for {step} from {sites}; the results from {others} show what to expect.",
    ),
)
JUDGED_DIFFERENTLY = Cause(
    code="sites.judged_differently",
    owner="platform",
    severity="warning",
    summary=(
        "{host} judges the same key pair differently: from {sites} {step} fails ({cause}), from "
        "{others} it passes; a rule about source addresses is the likely reason"
    ),
    remedies=(
        "Allow {egress} in the platform's rules about source addresses of this key pair or its "
        "account; {others} are allowed.",
        "Check that {sites} and {others} reach the same platform: different names, certificates or "
        "versions suggest otherwise.",
    ),
)
NAMES_DIFFER = Cause(
    code="sites.names_differ",
    owner="network",
    severity="warning",
    summary=(
        "{host} resolves to different addresses: {where}[; internal addresses: {internal}][; taken "
        "from a hosts file: {hosts_file}]"
    ),
    remedies=(
        "Make the name servers of {sites} and of {others} return the same addresses for {host}, "
        "unless different ones are intended.",
        "If they are intended (split DNS, or the nearest of several addresses), check that each "
        "address serves the same platform.",
    ),
)
CERTIFICATES_DIFFER = Cause(
    code="sites.certificates_differ",
    owner="network",
    severity="warning",
    summary=(
        "{host} shows different certificates: {where}[; {interceptor} inspects TLS on the way from "
        "{intercepted}][; their key is the same (SHA-256 {same_key}): one of them is a renewal][; "
        "the same authority issued them ({issuer}), as for several servers of one name][; "
        "different authorities issued them ({issuers}): either TLS inspection on the way, or "
        "another server or load balancer]"
    ),
    remedies=(
        "[Exempt {host} from the TLS inspection by {interceptor} on the way from {intercepted}.]",
        "Compare these SHA-256 with the certificates installed on {host} and its load balancers: "
        "one that is not installed there was substituted on the way to that site.",
        "If all of them are installed, give every server the same valid certificate: {sites} and "
        "{others} reach different ones.",
    ),
)
VERSIONS_DIFFER = Cause(
    code="sites.versions_differ",
    owner="platform",
    severity="warning",
    summary="{host} reports different versions: {where}",
    remedies=(
        "If {host} has several servers, upgrade all of them to the same version.",
        "Check which platform {sites} and {others} reach: a name server, a proxy or a load "
        "balancer may lead them to different ones.",
    ),
)
LATENCY_DIFFERS = Cause(
    code="sites.latency_differs",
    owner="network",
    severity="warning",
    summary="From {sites} {step} takes {slow_ms} ms, from {others} {fast_ms} ms",
    remedies=(
        "Compare again: a single measurement can be an outlier.",
        "If the distance does not explain it, compare the path from {sites} to {host} with that "
        "from {others}: route, VPN, proxy, load.",
        "If the distance explains it, increase options.timeoutSeconds for tests from {sites}.",
    ),
)
