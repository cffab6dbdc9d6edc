"""Learn the secrets with which the workers of all sites remember rejections."""

import logging
from collections.abc import Sequence
from typing import Protocol

from shared.rejection_secrets import NotIssuedError, received
from shared.sealing import Opener
from shared.signing import Verifier
from shared.store.round_trips import RoundTrips, without_errors
from shared.store.site_keys import SiteKeys

_log = logging.getLogger(__name__)


class Memory(Protocol):
    """What remembers with the secrets."""

    def share(self, secrets: Sequence[bytes]) -> None:
        """Use these secrets from now on."""
        ...


class RejectionSecrets:
    """Looks whether the API has issued other secrets."""

    def __init__(
        self,
        round_trips: RoundTrips,
        keys: SiteKeys,
        verifier: Verifier,
        opener: Opener,
        memory: Memory,
    ) -> None:
        self._round_trips = round_trips
        self._keys = keys
        self._verifier = verifier
        self._opener = opener
        self._memory = memory
        self._last = b""
        self._epoch = 0

    def look(self) -> None:
        """Give the memory the secrets, if there are others than at the last look.

        Raises:
            StoreUnreachableError: it is not known.
        """
        key = self._keys.rejection_secrets
        (text,) = without_errors(self._round_trips.execute(lambda pipe: pipe.get(key)))
        if not text or text == self._last:
            return
        self._last = text
        try:
            self._epoch, secrets = received(
                text, self._verifier, self._opener, self._keys.site, self._epoch
            )
        except NotIssuedError:
            _log.warning("rejections secrets=not_issued_for_this_worker")
            return
        self._memory.share(secrets)
