"""People who connect Kubernetes: tokens of many kinds, and what answers in its place."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.parser import Parser
from functools import partial
from gzip import compress

from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates.crafted import Authority
from tests.network.servers import Peer, reply, serving
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import HTML, NAMED, OWN_ADDRESS, over_tls, said, trusting
from tests.zoo.visit import PASSED, REFUSED


def _token(**claims: object) -> str:
    parts = ({"alg": "RS256", "kid": "k"}, {"iss": "https://kubernetes.default.svc", **claims})
    told = [urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
    return ".".join([*told, "c2lnbmF0dXJl"])


GOOD = _token(sub="system:serviceaccount:portal:portal")


def api_server(asked: Asked, good: str = GOOD) -> Reply:
    """Answer as an API server does to those whose token it takes."""
    if asked.call == "GET /version":
        return said({"major": "1", "gitVersion": "v1.35.1", "goVersion": "go1.25"})
    if asked.call == "GET /readyz":
        return Reply(200, "ok")
    if asked.headers.get("Authorization") != f"Bearer {good}":
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return said(
            {**status, "message": "Unauthorized", "reason": "Unauthorized", "code": 401}, 401
        )
    if asked.path.endswith("/selfsubjectreviews"):
        user = {"username": "system:serviceaccount:portal:portal"}
        return said({"status": {"userInfo": user}}, 201)
    return said({"status": {"allowed": True}}, 201)


def _cluster(token: str, endpoint: str) -> Target:
    return Target(endpoint, "kubernetes", "portal", token)


@report(
    "https://github.com/openshift/origin/issues/16921",
    "B",
    "http_response",
    "product_identify",
    right=["api.*", "proxy.*", "http.*", "!http.503_maintenance"],
    says=["OpenShift", "route", "host ?name|the name|names"],
    never=["out of service", "is not ready yet"],
)
def the_router_has_no_such_route() -> Iterator[Target]:
    """OpenShift's router answers in place of the API: it has no route of that name.

    503 with the page "Application is not available": the name, the path or the pods were missing.
    """
    page = (
        "<html><head><style>body{}</style></head><body><div><h1>Application is not available</h1>"
        "<p>The application is currently not serving requests at this endpoint. It may not have "
        "been started or is still starting.</p><strong>Possible reasons you are seeing this page:"
        "</strong><ul><li><strong>The host doesn't exist.</strong> Make sure the hostname was typed"
        " correctly and that a route matching this hostname exists.</li><li><strong>Route and path "
        "matches, but all pods are down.</strong> Make sure that the resources exposed by this "
        "route have at least one pod running.</li></ul></div></body></html>"
    )
    headers = {**HTML, "Cache-Control": "private, max-age=0, no-cache, no-store"}
    yield from over_tls(lambda _: Reply(503, page, headers=headers), partial(_cluster, GOOD))


@report(
    "https://github.com/rancher-archives/rke/issues/2260",
    "G",
    "tls_handshake",
    right=["tls.*", "!tls.not_trusted", "!tls.incomplete_chain"],
    says=["ingress"],
    never=["valid for: ingress.local"],
)
def the_ingress_shows_its_own_certificate() -> Iterator[Target]:
    """The port is that of the ingress, which shows its placeholder certificate: ingress.local.

    The API server was on another port. To use the name ingress.local would help nobody.
    """
    fake = "Kubernetes Ingress Controller Fake Certificate"
    key = ec.generate_private_key(ec.SECP256R1())
    issued = Authority(fake, key=key).issue("ingress.local", common_name=fake, key=key)
    with answering_by(lambda _: Reply(404), issued.server_context()) as port:
        yield trusting(Authority("kubernetes"), _cluster(GOOD, f"https://127.0.0.1:{port}"))


@report("https://github.com/kubernetes-client/javascript/issues/430", "Z", PASSED)
def the_caller_trusts_the_middle_of_the_chain() -> Iterator[Target]:
    """The caller's certificate is that of the intermediate authority, without the root.

    kubectl takes it, because the caller says whom to trust; clients of OpenSSL refused it with
    "unable to get issuer certificate".
    """
    middle = Authority("Middle", above=Authority("Root"))
    tls = middle.issue("127.0.0.1").server_context()
    with answering_by(api_server, tls) as port:
        yield trusting(middle, _cluster(GOOD, f"https://127.0.0.1:{port}"))


@report(
    "https://github.com/aws-quickstart/quickstart-amazon-eks/issues/245",
    "O",
    "authenticate",
    right=["auth.token_expired", "auth.token_refused"],
    says=["15 minutes|EKS|get-token"],
)
def the_token_is_one_of_eks() -> Iterator[Target]:
    """The token is what "aws eks get-token" prints: it is good for minutes, and for IAM's users.

    It was refused as Unauthorized: made in 2020 with 60 seconds to be valid, and by a user whom the
    cluster's access entries did not name.
    """
    url = (
        "https://sts.cn-northwest-1.amazonaws.com.cn/?Action=GetCallerIdentity&Version=2011-06-15"
        "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20201111T015504Z&X-Amz-Expires=60"
        "&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=4f2a"
    )
    token = "k8s-aws-v1." + urlsafe_b64encode(url.encode()).decode().rstrip("=")
    yield from over_tls(api_server, partial(_cluster, token))


@report(
    "https://github.com/raesene/tocan/issues/1",
    "O",
    "authenticate",
    right=["auth.*"],
    open=["auth.token_refused"],
    says=["audience"],
)
def the_token_is_for_another_audience() -> Iterator[Target]:
    """The token is valid and for somebody else: its audience is another service.

    The API server says Unauthorized; the token itself says whom it is for.
    """
    later = datetime.now(UTC) + timedelta(days=1)
    claims = {"sub": "system:serviceaccount:portal:portal", "exp": later.timestamp()}
    token = _token(aud=["sts.amazonaws.com"], **claims)
    yield from over_tls(api_server, partial(_cluster, token))


@report(
    "https://github.com/aws/amazon-eks-pod-identity-webhook/issues/232",
    "E",
    REFUSED,
    "authenticate",
    right=["input.*", "auth.*"],
    open=["auth.token_refused"],
    says=["blank|space|characters|format"],
)
def a_line_of_a_log_is_behind_the_token() -> Iterator[Target]:
    """Behind the token in the secret is a line of a log.

    The file held "<token> 11:11:49.782386 40364 v3.go:79] EOF"; a token has no blanks.
    """
    yield from over_tls(
        api_server, partial(_cluster, f"{GOOD} 11:11:49.782386   40364 v3.go:79] EOF")
    )


@report(
    "https://github.com/rancher-archives/rke/issues/324",
    "G",
    "tls_handshake",
    right=["tls.ip_not_in_san"],
    says=["10\\.18\\.160\\.28|127\\.0\\.0\\.1"],
    network=NAMED,
)
def the_balancer_is_not_in_the_certificate() -> Iterator[Target]:
    """A load balancer leads to the API servers, whose certificate does not have its address.

    The balancer's address had to be among the names of the certificate.
    """
    authority = Authority()
    issued = authority.issue("10.18.160.28", "10.18.160.33", "127.0.0.1", "kubernetes.default")
    with answering_by(api_server, issued.server_context(), OWN_ADDRESS, 6443):
        yield trusting(authority, _cluster(GOOD, f"https://{OWN_ADDRESS}:6443"))


@report(
    "https://github.com/rancher/rke2/issues/2122",
    "O",
    "authenticate",
    right=["auth.token_refused", "auth.*"],
    says=["Rancher"],
    never=["line of a configuration"],
)
def the_token_is_one_of_rancher() -> Iterator[Target]:
    """A token of Rancher's, kubeconfig-user-...:..., is used at the cluster itself.

    Rancher takes it and signs in to the cluster on its own; the cluster knows no such tokens.
    """
    token = "kubeconfig-user-5sx4gxzr7g:z59nscr8rlw25jc9884s5rzm7n4z62nv2p7cwjvh8qs6dx2qf2zv7z"
    yield from over_tls(api_server, partial(_cluster, token))


@report("https://github.com/SEPIA-Framework/sepia-docs/issues/26", "Z", PASSED)
def the_answers_are_compressed_unasked() -> Iterator[Target]:
    """The answers are compressed with gzip, and say so, although nobody asked for it.

    Postman could read them, and a client that looked at no Content-Encoding could not.
    """

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            first, _, rest = head.decode().partition("\r\n")
            method, path, _ = first.split()
            answer = api_server(Asked(method, path, Parser().parsestr(rest), body))
            content = compress(answer.body.encode())
            encoded = ("Content-Encoding: gzip", "Content-Type: application/json")
            peer.send(reply(content, *encoded, status=f"{answer.status} OK"))

    authority = Authority()
    with serving(script, tls=authority.issue("127.0.0.1").server_context()) as server:
        yield trusting(authority, _cluster(GOOD, f"https://127.0.0.1:{server.port}"))


@report(
    "https://github.com/falcosecurity/falco/issues/1197",
    "J",
    "authorize",
    right=["authz.*"],
    says=["system:serviceaccount:monitoring:falco-account", "ClusterRole|role"],
    never=["\\[redacted\\]"],
)
def the_account_may_not_list_nodes() -> Iterator[Target]:
    """A service account lacks rights in the cluster; its namespace is also the name that was given.

    Whoever is to grant them needs the account's whole name.
    """
    account = "system:serviceaccount:monitoring:falco-account"

    def rule(asked: Asked) -> Reply:
        answer = api_server(asked)
        if answer.status != 201:
            return answer
        if asked.path.endswith("/selfsubjectreviews"):
            return said({"status": {"userInfo": {"username": account}}}, 201)
        return said({"status": {"allowed": False}}, 201)

    yield from over_tls(rule, lambda at: Target(at, "kubernetes", "monitoring", GOOD))
