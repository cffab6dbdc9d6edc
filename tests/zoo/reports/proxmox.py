"""People who connect Proxmox VE: users, tokens, certificates, and proxies before it."""

from collections.abc import Iterator
from functools import partial

from tests.certificates.crafted import Authority
from tests.network.name_server import knowing, resolving
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import SECRET, USER, Appliance, proxmox
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import NAMED, OWN_ADDRESS, over_tls, said
from tests.zoo.visit import PASSED, REFUSED


def _proxmox(endpoint: str, path: str = "") -> Target:
    return Target(f"{endpoint}{path}", "proxmox", USER, SECRET)


@report("https://github.com/Telmate/terraform-provider-proxmox/issues/142", "Z", PASSED)
def the_endpoint_ends_with_a_slash() -> Iterator[Target]:
    """The endpoint is the API's own address, with a slash behind it.

    Clients put together a path with two slashes, and were told "No ticket".
    """
    rule = partial(proxmox, Appliance())
    yield from over_tls(rule, partial(_proxmox, path="/api2/json/"))


@report(
    "https://github.com/Telmate/terraform-provider-proxmox/issues/142#issuecomment-582954403",
    "E",
    REFUSED,
    "authenticate",
    right=["auth.access_key_malformed", "auth.login_refused", "input.*"],
    says=["realm|@pam"],
)
def proxmox_wants_a_realm() -> Iterator[Target]:
    """A user of a Proxmox VE is given without its realm: root instead of root@pam.

    It is refused as an authentication failure, whatever the password.
    """

    def rule(asked: Asked) -> Reply:
        if asked.call == "POST /api2/json/access/ticket":
            return Reply(401, '{"data":null}', "authentication failure")
        return proxmox(Appliance(), asked)

    yield from over_tls(rule, lambda at: Target(at, "proxmox", "root", "right-password"))


@report(
    "https://github.com/proxmoxer/proxmoxer/issues/31",
    "A",
    "authenticate",
    right=["auth.mfa_or_sso_required"],
    says=["second factor", "token"],
)
def proxmox_wants_a_second_factor() -> Iterator[Target]:
    """A user of a Proxmox VE has a second factor, and the ticket is only half a one.

    Clients used it, and were told "No ticket"; an API token needs no second factor.
    """

    def rule(asked: Asked) -> Reply:
        if asked.call == "POST /api2/json/access/ticket":
            half = {"username": "root@pam", "ticket": "PVE:!tfa!x:4f2a", "NeedTFA": 1}
            return said({"data": half})
        return proxmox(Appliance(), asked)

    yield from over_tls(rule, lambda at: Target(at, "proxmox", "root@pam", "right-password"))


@report("https://github.com/adminsyspro/proxcenter-ui/issues/141", "Z", PASSED)
def a_proxy_has_its_own_reason_phrases() -> Iterator[Target]:
    """A Proxmox VE is behind a proxy that writes the usual reason phrases, and its own Server.

    What the daemon has in its status line, "No ticket", is "Unauthorized" now. It works.
    """
    seen = Appliance()

    def rule(asked: Asked) -> Reply:
        answer = proxmox(seen, asked)
        headers = {"Server": "Caddy", "Content-Type": "application/json;charset=UTF-8"}
        return Reply(answer.status, answer.body, headers=headers)

    yield from over_tls(rule, _proxmox)


@report(
    "https://github.com/muhlba91/pulumi-proxmoxve/issues/281",
    "J",
    "authenticate",
    right=["auth.*", "!auth.invalid_credentials"],
    says=["no such token|TOKENID", "API Tokens"],
    never=["\\[redacted\\]", "secretKey does not match"],
)
def proxmox_knows_no_such_token() -> Iterator[Target]:
    """The token of a Proxmox VE has another name than what its user wrote.

    "no such token 'TOKENID' for user 'dev@pve'": a placeholder of the manual had been taken over.
    """

    def rule(asked: Asked) -> Reply:
        if asked.headers.get("Authorization", "").startswith("PVEAPIToken=dev@pve!TOKENID="):
            says = "no such token 'TOKENID' for user 'dev@pve'"
            return Reply(401, '{"data":null}', says, {"Server": "pve-api-daemon/3.0"})
        return proxmox(Appliance(), asked)

    secret = "3f1c7e52-9d0b-4c7a-8a3e-5b6d7f8091a2"
    yield from over_tls(rule, lambda at: Target(at, "proxmox", "dev@pve!TOKENID", secret))


@report(
    "https://github.com/osm-fr/infrastructure/issues/112",
    "K",
    "tls_handshake",
    right=["tls.*", "!tls.self_signed", "!tls.incomplete_chain"],
    says=["osm25\\.cloud\\.example", "Proxmox Virtual Environment", "caCertificate"],
    network=NAMED,
)
def a_node_s_certificate_is_wrong_twice() -> Iterator[Target]:
    """A node's certificate is of its cluster's own authority, and has the node's short name alone.

    Two things are to be mended there: whom to trust, and the name that is used.
    """
    cluster = Authority("Proxmox Virtual Environment")
    issued = cluster.issue("127.0.0.1", "::1", "localhost", "osm25", common_name="osm25")
    known, name = knowing({"osm25.cloud.example": [f"A {OWN_ADDRESS}"]}), "osm25.cloud.example"
    rule = partial(proxmox, Appliance())
    with resolving(known), answering_by(rule, issued.server_context(), OWN_ADDRESS, 8006):
        yield _proxmox(f"https://{name}:8006")


@report(
    "https://github.com/adminsyspro/proxcenter-ui/issues/32",
    "E",
    REFUSED,
    "authenticate",
    right=["input.*", "auth.access_key_malformed", "auth.token_*"],
    says=["user@realm!|USER@REALM|after the !|not a valid token ID"],
    never=["secretKey does not match"],
)
def the_name_of_the_token_has_two_parts() -> Iterator[Target]:
    """The ID of the token has two exclamation marks: root@pam!proxcenter!tokenid.

    It is the user, one mark, and the token's name; the secret was right.
    """

    def rule(asked: Asked) -> Reply:
        given = asked.headers.get("Authorization", "").removeprefix("PVEAPIToken=")
        if given.count("!") > 1:
            token = given.partition("=")[0]
            says = (
                f"'{token}' is not a valid token ID - not able to split into user and token parts"
            )
            return Reply(401, '{"data":null}', says, {"Server": "pve-api-daemon/3.0"})
        return proxmox(Appliance(), asked)

    token, secret = "root@pam!proxcenter!tokenid", "4504f1c9-cd9b-408d-b20c-844bbc8d4198"
    yield from over_tls(rule, lambda at: Target(at, "proxmox", token, secret))
