"""Faults of the sign-in, and of what the key pair may do."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from tests.certificates.crafted import Authority
from tests.network.servers import Peer, answering, reply, serving
from tests.stand_ins.answering import answering_by
from tests.stand_ins.appliances import SECRET as APPLIANCE_SECRET
from tests.stand_ins.appliances import USER as APPLIANCE_USER
from tests.stand_ins.appliances import Appliance, ovirt
from tests.stand_ins.clouds import KEY, SECRET, Cloud, alibabacloud
from tests.stand_ins.zstack import ZstackNode, zstack_node
from tests.zoo.fault import Target, fault, healthy
from tests.zoo.web import answer_of, content_of, page

IMPATIENT = {"timeoutSeconds": 2}


def _node(node: ZstackNode) -> Iterator[Target]:
    with zstack_node(node) as (_, port):
        yield Target(f"http://127.0.0.1:{port}")


def _at_the_sign_in(act: Callable[[Peer], None], *, is_impatient: bool = False) -> Iterator[Target]:
    """Give a healthy node before which something acts when a signed request passes."""
    node = ZstackNode()

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            if b"\r\nAuthorization:" in request:
                act(peer)
                return
            answer = answer_of(node, request)
            peer.send(reply(content_of(answer), status=f"{answer.status} OK"))

    with serving(script) as server:
        options = IMPATIENT if is_impatient else {}
        yield Target(f"http://127.0.0.1:{server.port}", options=options)


def _answered(answer: bytes) -> Iterator[Target]:
    yield from _at_the_sign_in(lambda peer: peer.send(answer))


@fault("authenticate", "auth.unknown_access_key")
def key_is_unknown() -> Iterator[Target]:
    """The access key is unknown or disabled."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", access_key="NOBODY")


@fault("authenticate", "auth.secret_mismatch")
def secret_is_wrong() -> Iterator[Target]:
    """The secret key is not the one of the access key."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", secret_key="MISTYPED")


@fault("authenticate", "auth.access_key_malformed")
def key_has_a_colon() -> Iterator[Target]:
    """The access key has a colon in it."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", access_key="AKID:2")


@fault("authenticate", "api.access_keys_unsupported")
def edition_knows_no_keys() -> Iterator[Target]:
    """The platform is an edition that knows no access keys."""
    yield from _node(ZstackNode(knows_access_keys=False))


@fault("authenticate", "api.license_expired")
def licence_has_expired() -> Iterator[Target]:
    """The licence has expired."""
    yield from _node(ZstackNode(licence_expired_on="2025-01-01"))


@fault("authenticate", "api.license_invalid")
def licence_is_for_other_hardware() -> Iterator[Target]:
    """The licence was issued for another machine; it has not expired."""
    yield from _node(ZstackNode(licence_code="LICENSE.1002"))


@fault("authenticate", "auth.password_expired")
def account_must_change_its_password() -> Iterator[Target]:
    """The key is right, but its account is refused everything until its password is changed."""
    yield from _node(ZstackNode(password_is_stale=True))


@fault("product_identify", "auth.source_ip_not_allowed")
def address_is_not_on_the_allowlist() -> Iterator[Target]:
    """The platform's IP allowlist refuses our address, before anything else is looked at."""
    yield from _node(ZstackNode(refuses_address="198.51.100.4"))


@fault("authenticate", "auth.header_lost")
def proxy_takes_the_signature_away() -> Iterator[Target]:
    """A proxy does not pass on the Authorization header."""
    yield from _answered(reply(b"missing header 'Authorization'", status="400 Bad Request"))


@fault("authenticate", "auth.date_lost")
def proxy_takes_the_date_away() -> Iterator[Target]:
    """A proxy does not pass on the Date header."""
    text = b"'Date' must be incuded in request header"
    yield from _answered(reply(text, status="400 Bad Request"))


@fault("authenticate", "api.operation_failed")
def database_is_away() -> Iterator[Target]:
    """The platform accepts the key pair, and fails to read its database."""
    content = b'{"error":{"code":"SYS.1006","description":"An operation failed","details":"no DB"}}'
    yield from _answered(reply(content, status="503 Service Unavailable"))


@fault("product_identify", "api.starting_up", "api.other_node_serves")
def other_node_of_the_pair_serves() -> Iterator[Target]:
    """The endpoint is that of the management node that is on standby."""
    content = b'{"error":{"code":"SYS.1012","description":"node unavailable","details":""}}'
    with serving(answering(reply(content, status="503 Service Unavailable"))) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@healthy("authz.partial")
def key_may_not_manage_hosts() -> Iterator[Target]:
    """The key of a tenant may not read hosts."""
    yield from _node(ZstackNode(denies=frozenset({"QueryHost"})))


@healthy()
def key_is_the_expected_accounts() -> Iterator[Target]:
    """The key belongs to the account that the caller expects."""
    with zstack_node(ZstackNode(account="shop")) as (_, port):
        options = {"expect": {"account": "shop"}}
        yield Target(f"http://127.0.0.1:{port}", options=options)


@healthy()
def permission_check_breaks_off() -> Iterator[Target]:
    """The connection is closed when the permissions are asked for."""
    node = ZstackNode()

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) and b"/permissions/" not in request:
            answer = answer_of(node, request)
            peer.send(reply(content_of(answer), status=f"{answer.status} OK"))

    with serving(script) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("authenticate", "auth.clock_skew")
def clock_jumps() -> Iterator[Target]:
    """The date is refused in every time zone, although it is the server's own."""
    node = ZstackNode(clock_ahead=timedelta(minutes=7))

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            if b"\r\nAuthorization:" in request:
                peer.send(reply(b"requestTimeTooSkewed", status="403 Forbidden"))
                continue
            answer = answer_of(node, request)
            peer.send(reply(content_of(answer), status=f"{answer.status} OK"))

    with serving(script) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("authenticate", "auth.date_refused")
def date_is_not_understood() -> Iterator[Target]:
    """The server can't read the date that we signed with."""
    text = b"'Date' format error, correct format is 'EEE, dd MMM yyyy HH:mm:ss z'"
    yield from _answered(reply(text, status="400 Bad Request"))


@fault("authenticate", "auth.sign_in_forbidden")
def page_says_wrong_password() -> Iterator[Target]:
    """A page of something in between speaks of a wrong password."""
    yield from _answered(page("<html>Wrong username or password", "403 Forbidden"))


@fault("authenticate", "auth.sign_in_forbidden")
def refusal_is_in_other_words() -> Iterator[Target]:
    """The signed request is forbidden in words that the product does not use."""
    yield from _answered(reply(b"go away", status="403 Forbidden"))


@fault("authenticate", "auth.sign_in_refused")
def gateway_refuses_the_signature() -> Iterator[Target]:
    """A gateway that nobody knows refuses the signed request."""
    yield from _answered(reply(b'{"message": "no such consumer"}', status="401 Unauthorized"))


@fault("authenticate", "api.call_missing")
def gateway_has_no_such_path() -> Iterator[Target]:
    """A gateway forwards a part of the API's paths alone."""
    yield from _answered(reply(b"no Route matched", status="404 Not Found"))


@fault("authenticate", "api.call_rejected")
def gateway_rejects_the_query() -> Iterator[Target]:
    """A gateway rejects the query of the signed request."""
    yield from _answered(reply(b'{"error": "query not allowed"}', status="422 Unprocessable"))


@fault("authenticate", "http.500")
def platform_breaks_at_the_sign_in() -> Iterator[Target]:
    """The platform has an error of its own at the signed request."""
    yield from _answered(reply(b"java.lang.NullPointerException", status="500 Server Error"))


@fault("authenticate", "http.503_unavailable")
def platform_is_busy_at_the_sign_in() -> Iterator[Target]:
    """The platform, or what is before it, has no room for the signed request."""
    yield from _answered(reply(b"", status="503 Service Unavailable"))


@fault("authenticate", "api.schema_unexpected")
def answer_lacks_its_list() -> Iterator[Target]:
    """The answer to the signed request lacks what it should hold."""
    yield from _answered(reply(b'{"result": []}'))


@fault("authenticate", "http.502_504_gateway")
def backend_dies_before_the_sign_in() -> Iterator[Target]:
    """The service behind a proxy dies between two requests."""
    yield from _answered(page("<center>nginx</center>", "502 Bad Gateway"))


@fault("authenticate", "http.waf_block")
def firewall_blocks_the_signature() -> Iterator[Target]:
    """A firewall lets all requests pass but the signed one."""
    text = "The requested URL was rejected. Please consult with your administrator."
    yield from _answered(page(f"<html>{text} Your support ID is: 1234567890"))


@fault("authenticate", "http.waf_block")
def firewall_refuses_the_signature() -> Iterator[Target]:
    """A firewall of Alibaba Cloud refuses the signed request."""
    yield from _answered(page("<html>https://errors.aliyun.com/", "405 Not Allowed"))


@fault("authenticate", "http.429_rate_limited")
def sign_ins_are_limited() -> Iterator[Target]:
    """The platform limits sign-ins."""
    yield from _answered(reply(b"", "Retry-After: 60", status="429 Too Many Requests"))


@fault("authenticate", "http.redirect_to_login")
def sign_in_is_redirected() -> Iterator[Target]:
    """The signed request is redirected to a page to sign in on."""
    yield from _answered(reply(b"", "Location: /login", status="302 Found"))


@fault("authenticate", "http.empty_reply")
def hangs_up_on_the_sign_in() -> Iterator[Target]:
    """The platform hangs up on the signed request."""
    yield from _at_the_sign_in(lambda _: None)


@fault("authenticate", "http.reset")
def resets_the_sign_in() -> Iterator[Target]:
    """The connection is reset when the signed request comes."""
    yield from _at_the_sign_in(lambda peer: peer.reset())


@fault("authenticate", "http.header_timeout")
def hangs_at_the_sign_in() -> Iterator[Target]:
    """The platform never answers the signed request."""
    yield from _at_the_sign_in(lambda peer: peer.hold(), is_impatient=True)


@fault("authorize", "authz.denied")
def key_may_not_read() -> Iterator[Target]:
    """The key pair is right, but it may not read zones."""
    yield from _node(ZstackNode(denies_zones_with="SYS.1006"))


@fault("authorize", "authz.denied")
def key_may_not_read_in_older_words() -> Iterator[Target]:
    """The key pair is right, but it may not read zones, says an older version."""
    yield from _node(ZstackNode(denies_zones_with="ID.1002"))


@fault("authenticate", "auth.other_identity")
def key_is_of_another_account() -> Iterator[Target]:
    """The key pair is right, but it belongs to another account than the caller means."""
    yield from _as_alibabacloud({"account": "4711", "user": "c"})


def _as_alibabacloud(expected: Mapping[str, str]) -> Iterator[Target]:
    cloud = Cloud()
    with answering_by(lambda asked: alibabacloud(cloud, asked)) as port:
        endpoint, options = f"http://127.0.0.1:{port}", {"expect": expected}
        yield Target(endpoint, "alibabacloud", access_key=KEY, secret_key=SECRET, options=options)


@healthy("auth.identity_not_told")
def engine_does_not_tell_its_user() -> Iterator[Target]:
    """The platform does not tell whose key pair it is, which the caller wants to know."""
    authority, seen = Authority(), Appliance()
    tls = authority.issue("127.0.0.1").server_context()
    with answering_by(lambda asked: ovirt(seen, asked), tls) as port:
        options = {"tls": {"caCertificate": authority.pem}, "expect": {"user": "admin@internal"}}
        keys = {"access_key": APPLIANCE_USER, "secret_key": APPLIANCE_SECRET}
        yield Target(f"https://127.0.0.1:{port}", "ovirt", options=options, **keys)
