"""What the texts of mock answers name: one made-up fact for every name in braces."""

from typing import Final

from shared.outcomes import Facts
from shared.steps import StepName

STEP_MS: Final[dict[StepName, float]] = {
    "dns_lookup": 3.2,
    "tcp_connect": 12.4,
    "tls_handshake": 31.7,
    "http_response": 24.9,
    "product_identify": 18.3,
    "authenticate": 42.6,
    "authorize": 15.8,
    "service_endpoints": 64.1,
}

KNOWN: Final[Facts] = {
    "host": "cloud.example.com",
    "port": 8443,
    "url": "https://cloud.example.com:8443/zstack/v1/management-nodes/ready",
    "product": "ZStack Cloud",
    "usual_port": 8080,
    "job": "8d4d17e8789ff7e43171802f1d54612d",
}

MOCK_FACTS: Final[Facts] = {
    "access_key_is": "AccessKey ID",
    "address": "192.0.2.7",
    "alert": "HANDSHAKE_FAILURE",
    "allowed_s": 900,
    "api": "APIQueryZoneMsg",
    "canaries": ("192.0.2.1:443",),
    "character": "U+200B (zero width space)",
    "direction": "behind",
    "end_of_life": "2025-06-30",
    "error": "ECONNRESET",
    "error_code": "SYS.1010",
    "expired_at": "2026-03-01 12:00:00 UTC",
    "expired_on": "2026-03-01",
    "expiry": "",
    "first_bytes": "SSH-2.0-OpenSSH_9.2",
    "found": "an ESXi host",
    "issued_by": ": Example Internal CA",
    "kind": "loopback",
    "lacks": "VirtualMachine.Inventory.Create",
    "limit": "1048576 bytes",
    "location": "https://login.example.com/",
    "locked_min": 15,
    "minimum_version": "3.0",
    "named": 40,
    "names": ("compute", "volumev3"),
    "on_date": " on 2026-03-01, 12 days ago",
    "position": 7,
    "problem": "it is empty",
    "protocol": "SSH",
    "rejected": 4,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "skew_s": 1260,
    "status": 503,
    "step": "authenticate",
    "tested": 12,
    "time_zones": 38,
    "unreachable": 2,
    "until": "2026-11-27T10:15:00+00:00",
    "valid_for": " (zstack.example.com)",
    "valid_from": "2026-12-01 00:00:00 UTC",
    "verify_code": 20,
    "version": "2.6.1",
    "waited_s": 3.0,
    "wanted": "vcenter",
    "where": "cloud.example.com (192.0.2.7)",
}
