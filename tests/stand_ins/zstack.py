"""A management node that checks requests in the order and answers in the words of ZStack 5.2.

Facts are from RestServer.java and AccessKeyManager as the product's own module names them.
Try it by hand: `python -m tests.stand_ins.zstack --port 18080` (access key AKID, secret SECRET).
"""

import argparse
import json
import re
import ssl
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from hashlib import sha1
from hmac import HMAC, compare_digest
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.stand_ins.http_server import StandInHandler, StandInServer, serving

ALLOWED_SKEW = timedelta(minutes=15)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATE = re.compile(r"(\w{3}), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (\S+)", re.ASCII)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d\d):(\d\d)", re.ASCII)
_NAMED_ZONES = {"PRC": "Asia/Shanghai", "CST": "America/Chicago", "Z": "UTC", "JST": "Asia/Tokyo"}


_PERMISSIONS = "/v1/accounts/permissions/actions"
_LISTS = {
    "/v1/zones": "QueryZone",
    "/v1/clusters": "QueryCluster",
    "/v1/hosts": "QueryHost",
    "/v1/vm-instances": "QueryVmInstance",
    "/v1/images": "QueryImage",
}


@dataclass
class ZstackNode:
    """How the node is, and what it has seen; change it at any time."""

    keys: dict[str, str] = field(default_factory=lambda: {"AKID": "SECRET"})
    version: str = "5.2.1"
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    checks_time_zone: bool = False
    clock_ahead: timedelta = timedelta()
    is_ready: bool = True
    knows_access_keys: bool = True
    licence_expired_on: str | None = None
    licence_code: str | None = None
    """The code of a licence that does not fit, if it does not."""
    denies_zones_with: str | None = None
    denies: frozenset[str] = frozenset()
    """The other calls that the key may not make, e.g. QueryHost."""
    password_is_stale: bool = False
    refuses_address: str | None = None
    """The address that is not on the IP allowlist, if that is so."""
    account: str = "admin"
    zones: int = 2
    sends_date: bool = True
    keeps_alive: bool = True
    hold: Event | None = None
    """While it is there and not set, signed requests wait for it."""
    hold_hello: Event | None = None
    """While it is there and not set, the first request of a test waits for it."""
    delay_s: float = 0
    """How long each answer takes."""
    requests: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    """The access key of each sign-in that the node has judged, right or wrong: with the list of
    zones a client begins."""
    changed: Event = field(default_factory=Event)
    """Set with each key that was judged."""
    lock: Lock = field(default_factory=Lock)

    def now(self) -> datetime:
        """Return the node's own time."""
        return datetime.now(UTC) + self.clock_ahead


@dataclass(frozen=True)
class Reply:
    """What the node answers: plain text, or JSON where the body is a dict."""

    status: int
    body: str | dict[str, Any]


class _RefusedError(Exception):
    def __init__(self, status: int, body: str | dict[str, Any]) -> None:
        super().__init__(status)
        self.reply = Reply(status, body)


def _error(code: str, description: str, details: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "description": description, "details": details}}


def reply_to(node: ZstackNode, method: str, target: str, headers: Any, body: bytes) -> Reply:
    """Return what the node answers to one request."""
    path = unquote(target.partition("?")[0])
    if not path.startswith("/zstack/"):
        return Reply(404, "<html><title>HTTP Status 404</title>Apache Tomcat/8.5</html>")
    api = path.removeprefix("/zstack")
    try:
        _check_address(node)
        return _public(node, method, api, body) or _signed(node, method, api, headers, body)
    except _RefusedError as refused:
        return refused.reply


def _check_address(node: ZstackNode) -> None:
    if node.refuses_address:
        details = f"Request from [{node.refuses_address}] is refused"
        refused = _error("LOGIN_CONTROL.1004", "Request refused", details)
        raise _RefusedError(403, refused["error"])


def _public(node: ZstackNode, method: str, api: str, body: bytes) -> Reply | None:
    if (method, api) == ("GET", "/v1/management-nodes/ready"):
        if node.hold_hello:
            node.changed.set()
            node.hold_hello.wait(60)
        if not node.is_ready:
            return Reply(503, _error("SYS.1010", "Management server is not ready to serve"))
        return Reply(200, {})
    if (method, api) == ("PUT", "/v1/management-nodes/actions"):
        return _action(node, body)
    if method == "GET" and api in (told := _told_to_anyone(node)):
        return Reply(200, told[api])
    if api not in (*_LISTS, "/v1/accounts", _PERMISSIONS):
        return Reply(404, f"no api mapping to {api}")
    return None


def _told_to_anyone(node: ZstackNode) -> dict[str, dict[str, Any]]:
    expired = node.licence_expired_on or "2030-01-01"
    return {
        "/v1/licenses": {"inventory": {"licenseType": "Paid", "expiredDate": expired}},
        "/v1/meta-data/opensource": {"opensource": not node.knows_access_keys},
    }


def _action(node: ZstackNode, body: bytes) -> Reply:
    if not body:
        return Reply(500, "java.lang.NullPointerException")
    action = next(iter(json.loads(body)), "")
    if action == "getVersion":
        return Reply(200, {"version": node.version})
    if action == "getCurrentTime":
        seconds = node.now().timestamp()
        clock = {"MillionSeconds": int(seconds * 1000), "Seconds": int(seconds)}
        return Reply(200, {"currentTime": clock})
    return Reply(400, "the body doesn't contain action mapping to the URL")


def _signed(node: ZstackNode, method: str, api: str, headers: Any, body: bytes) -> Reply:
    authorization = headers.get("Authorization")
    if authorization is None:
        raise _RefusedError(400, "missing header 'Authorization'")
    scheme, _, credentials = authorization.partition(" ")
    if scheme != "ZStack":
        raise _RefusedError(400, "Authorization type must be 'OAuth'")
    if not node.knows_access_keys:
        text = "RestAuthenticationType type: ZStack was not registered by any "
        raise _RefusedError(500, text + "RestAuthenticationBackend")
    date = headers.get("Date")
    if date is None:
        raise _RefusedError(400, "'Date' must be incuded in request header")
    _check_skew(node, date)
    key, colon, signature = credentials.partition(":")
    if not colon or ":" in signature:
        raise _RefusedError(400, "accessKey format is 'ZStack AccessKeyId:Signature'")
    _check_key(node, key, signature, f"{method}\n{date}\n{api}")
    _check_state(node)
    return _result(node, api, body)


def _result(node: ZstackNode, api: str, body: bytes) -> Reply:
    if api == _PERMISSIONS:
        return _permissions(node, body)
    if api == "/v1/accounts":
        return Reply(200, {"inventories": [{"uuid": "a" * 32, "name": node.account}]})
    if _LISTS[api] in node.denies:
        raise _RefusedError(503, _error("ID.1002", "denied", "is admin only"))
    return _zones(node) if api == "/v1/zones" else Reply(200, {"inventories": []})


def _check_skew(node: ZstackNode, date: str) -> None:
    wall_clock, zone = _parse_date(date)
    if node.checks_time_zone:
        skew = wall_clock.replace(tzinfo=zone) - node.now()
    else:
        skew = wall_clock - node.now().astimezone(node.zone).replace(tzinfo=None)
    if abs(skew) > ALLOWED_SKEW:
        raise _RefusedError(403, "requestTimeTooSkewed")


def _parse_date(date: str) -> tuple[datetime, tzinfo]:
    wrong = _RefusedError(
        400, "'Date' format error, correct format is 'EEE, dd MMM yyyy HH:mm:ss z'"
    )
    match = _DATE.fullmatch(date)
    if not match:
        raise wrong
    weekday, day, month, *clock, zone = match.groups()
    try:
        year, hour, minute, second = (int(part) for part in clock)
        wall_clock = datetime(  # noqa: DTZ001 -- a wall clock is what it is
            year, _MONTHS.index(month.lower()) + 1, int(day), hour, minute, second
        )
        if _WEEKDAYS[wall_clock.weekday()] != weekday.lower():
            raise wrong
        return wall_clock, _zone(zone)
    except (ValueError, ZoneInfoNotFoundError):
        raise wrong from None


def _zone(text: str) -> tzinfo:
    offset = _OFFSET.fullmatch(text)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    return ZoneInfo(_NAMED_ZONES.get(text, text))


def _check_key(node: ZstackNode, key: str, signature: str, signed: str) -> None:
    if signed.endswith("/v1/zones"):
        with node.lock:
            node.judged.append(key)
        node.changed.set()
        if node.hold:
            node.hold.wait(60)
    secret = node.keys.get(key)
    if secret is None:
        raise _RefusedError(403, f"access key id: {key} does not existed or disabled")
    expected = b64encode(HMAC(secret.encode(), signed.encode(), sha1).digest()).decode()
    if not compare_digest(expected, signature):
        raise _RefusedError(403, "wrong accessKey signature")


def _permissions(node: ZstackNode, body: bytes) -> Reply:
    names = json.loads(body)["checkApiPermission"]["apiNames"]
    denied = {f"API{name}Msg" for name in node.denies}
    effects = {name: "Deny" if name.split(".")[-1] in denied else "Allow" for name in names}
    return Reply(200, {"inventory": effects})


def _check_state(node: ZstackNode) -> None:
    if not node.is_ready:
        raise _RefusedError(503, _error("SYS.1010", "Management server is not ready to serve"))
    if node.licence_expired_on:
        raise _RefusedError(503, _error("LICENSE.1000", "Expired license"))
    if node.licence_code:
        raise _RefusedError(503, _error(node.licence_code, "The license does not fit"))
    if node.password_is_stale:
        raise _RefusedError(503, _error("LOGIN_CONTROL.1000", "", "Need to change password"))


def _zones(node: ZstackNode) -> Reply:
    if node.denies_zones_with:
        details = "operation[API:org.zstack.header.zone.APIQueryZoneMsg] is denied by default"
        raise _RefusedError(503, _error(node.denies_zones_with, "denied", details))
    first = [{"uuid": "0" * 32, "name": "zone-1", "state": "Enabled"}]
    return Reply(200, {"inventories": first[: node.zones], "total": node.zones})


class _Server(StandInServer):
    def __init__(self, host: str, port: int, node: ZstackNode, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, _Handler, tls)
        self.node = node


class _Handler(StandInHandler):
    server: _Server

    def answer(self) -> None:
        node = self.server.node
        with node.lock:
            node.requests.append(f"{self.command} {self.path}")
        body = self.body()
        Event().wait(node.delay_s)
        reply = reply_to(node, self.command, self.path, self.headers, body)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        content = text.encode()
        self.send_response_only(reply.status)
        if node.sends_date:
            self.send_header("Date", f"{node.now():%a, %d %b %Y %H:%M:%S} GMT")
        self.send_header("Content-Length", str(len(content)))
        if not node.keeps_alive:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextmanager
def zstack_node(
    node: ZstackNode | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[tuple[ZstackNode, int]]:
    """Serve a node on `host` while the block runs; gives the node and its port."""
    node = node or ZstackNode()
    with serving(_Server(host, port, node, tls)) as served_at:
        yield node, served_at


def main() -> None:
    """Serve a node until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--certificate", type=Path, help="PEM chain; serves HTTPS with --key")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--zone", default="Asia/Shanghai")
    arguments = parser.parse_args()
    tls = None
    if arguments.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.certificate, arguments.key)
    node = ZstackNode(zone=ZoneInfo(arguments.zone))
    with zstack_node(node, host=arguments.host, port=arguments.port, tls=tls) as (_, port):
        sys.stdout.write(f"zstack stand-in ready port={port}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
