"""What the API publishes of a site for its workers, to check that both have the same keys."""

from typing import Annotated, Final, Self

from pydantic import Field

from shared.site_name import SiteName
from shared.sites.bounded_record import BoundedRecord
from shared.sites.site_entry import SiteEntry, Title
from shared.sites.worker_record import Version

LONGEST_PUBLISHED: Final = 65_536
"""Bytes of what is published; longer texts are not read."""

PublicKey = Annotated[str, Field(pattern="^[A-Za-z0-9+/=]{1,64}$")]
Egress = Annotated[str, Field(pattern="^[0-9A-Fa-f.:/]{2,50}$")]


class PublishedSite(BoundedRecord):
    """One site as its operators declared it; it has no secret."""

    longest = LONGEST_PUBLISHED

    name: SiteName
    title: Title = ""
    version: Version
    """That of the API."""
    sealing_public_keys: Annotated[tuple[PublicKey, ...], Field(max_length=2)]
    """What requests are sealed with now, and what they will be sealed with."""
    signing_public_key: PublicKey | None = None
    """What jobs are signed with now; None from an API that signs none."""
    egress: Annotated[tuple[Egress, ...], Field(max_length=1000)] = ()
    silence_s: float = Field(gt=0, allow_inf_nan=False)

    @classmethod
    def of(
        cls,
        entry: SiteEntry,
        *,
        version: str,
        sealing_public_key: str,
        signing_public_key: str | None = None,
    ) -> Self:
        """Return what is published of `entry`; `sealing_public_key` is that of `default`."""
        keys = (entry.sealing_public_key or sealing_public_key, entry.next_sealing_public_key)
        return cls(
            name=entry.name,
            title=entry.title,
            version=version,
            sealing_public_keys=tuple(key for key in keys if key),
            signing_public_key=signing_public_key,
            egress=entry.egress_texts,
            silence_s=entry.silent_after_s,
        )
