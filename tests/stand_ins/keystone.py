"""A stand-in for Keystone that counts the tokens which it has given and which are still valid."""

import json
from dataclasses import dataclass, field
from threading import Event
from typing import Literal

from tests.network.servers import Peer, reply

Fault = Literal["hangs", "cuts", "fails"]
Call = Literal["projects", "scope", "revoke"]
_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
_VERSION = {"version": {"id": "v3.14", "media-types": _MEDIA}}
_FAILED = reply(json.dumps({"error": {"message": "x"}}).encode(), status="500 Internal Error")


@dataclass
class Keystone:
    """What is at fault with it, what its catalogue lists, and which tokens are valid."""

    faults: dict[Call, Fault] = field(default_factory=dict)
    catalogue: list[str] = field(default_factory=list)
    """The URLs of its compute service."""
    given: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    held: Event = field(default_factory=Event)
    """Set when a call hangs."""

    def serve(self, peer: Peer) -> None:
        """Answer the requests of one connection; a script for `serving`."""
        while request := peer.read_request():
            call, answer = self._answer(request)
            fault = self.faults.get(call) if call else None
            if fault == "cuts":
                return
            if fault == "hangs":
                self.held.set()
                peer.hold()
                return
            peer.send(_FAILED if fault else answer)

    def _answer(self, request: bytes) -> tuple[Call | None, bytes]:
        if request.startswith(b"DELETE "):
            return "revoke", self._revoke(request)
        if b"/auth/projects" in request:
            found = [{"id": "p1", "name": "shop", "enabled": True}]
            return "projects", reply(json.dumps({"projects": found}).encode())
        if not request.startswith(b"POST "):
            return None, reply(json.dumps(_VERSION).encode())
        is_scoped = b'"methods":["token"]' in request
        if is_scoped and "scope" in self.faults:
            return "scope", b""
        return None, self._give(is_scoped=is_scoped)

    def _revoke(self, request: bytes) -> bytes:
        if "revoke" not in self.faults:
            self.valid = {token for token in self.valid if token.encode() not in request}
        return reply(status="204 No Content")

    def _give(self, *, is_scoped: bool) -> bytes:
        subject = f"gAAAAAB-{'scoped' if is_scoped else 'unscoped'}-{len(self.given)}"
        self.given.append(subject)
        self.valid.add(subject)
        endpoints = [
            {"interface": "public", "region": "r", "url": url}
            for url in (self.catalogue if is_scoped else ())
        ]
        token = {"catalog": [{"type": "compute", "endpoints": endpoints}], "roles": []}
        scope = {"project": {"name": "shop"}} if is_scoped else {}
        content = json.dumps({"token": {**token, **scope}}).encode()
        return reply(content, f"X-Subject-Token: {subject}", status="201 Created")
