"""Remember rejected key pairs while this process runs, so that no account gets locked."""

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from threading import Lock

from shared.request import JobRequest
from shared.store.limits.rejections import KEPT_S, Rejections, presented


@dataclass(slots=True)
class ProcessMemory:
    """The SignInMemory of a process without Redis; it ends with the process."""

    _key: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    _rejected: defaultdict[bytes, dict[bytes, tuple[datetime, str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _lock: Lock = field(default_factory=Lock)

    def look(self, request: JobRequest) -> Callable[[], Rejections]:
        """Return a function that returns the remembered rejections of the request's account."""
        return partial(self._rejections, request)

    def _rejections(self, request: JobRequest) -> Rejections:
        with self._lock:
            since = datetime.now(UTC) - timedelta(seconds=KEPT_S)
            known = self._rejected[self._account(request)]
            recent = {secret: found for secret, found in known.items() if found[0] > since}
        rejected_at, cause = recent.pop(self._secret(request), (None, ""))
        return Rejections(rejected_at, len(recent), cause)

    def remember_rejection(self, request: JobRequest, cause: str, job_id: str = "") -> None:
        """Remember that the platform has just rejected the job's key pair, with this cause."""
        with self._lock:
            known = self._rejected[self._account(request)]
            known[self._secret(request)] = datetime.now(UTC), cause

    def forget(self, request: JobRequest, job_id: str = "") -> None:
        """Forget the account's rejections: the platform has accepted the job's key pair."""
        with self._lock:
            self._rejected.pop(self._account(request), None)

    def _account(self, request: JobRequest) -> bytes:
        account = request.access_key.get_secret_value()
        return self._hash(request.product_type, str(request.target), account)

    def _secret(self, request: JobRequest) -> bytes:
        return self._hash(*presented(request))

    def _hash(self, *parts: str) -> bytes:
        # Each part with its length, so that no two accounts spell the same text.
        content = "".join(f"{len(part)}:{part}" for part in parts).encode()
        return blake2b(content, key=self._key).digest()
