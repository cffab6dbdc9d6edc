"""Tokens of tenants, as an operator hands them out."""

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from shared.policy.token_file import TokenFile, new_entry
from tests.running.service import Service


def token_file(path: Path, *tenants: str, **what: Any) -> dict[str, str]:
    """Write a file with a token for each tenant, which may test any port; return the tokens."""
    tokens = {tenant: secrets.token_urlsafe(16) for tenant in tenants}
    file = TokenFile()
    for tenant, token in tokens.items():
        about = {"scopes": ("test", "bulk"), "policy": {"ports": []}, **what}
        digest = sha256(token.encode()).hexdigest()
        entry = new_entry(f"{tenant}-ci", digest, tenant=tenant, **about)
        none = {name: None for name, value in what.items() if value is None}  # which is no default
        file = file.with_token(entry.model_copy(update=none))
    file.write(path)
    return tokens


def client_of(service: Service, token: str) -> httpx.Client:
    """Return a client that is signed in with a token of the file."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=120)
