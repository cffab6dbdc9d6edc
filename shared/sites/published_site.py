"""What the API publishes of a site for its workers, to check that both have the same keys."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.site_name import SiteName
from shared.sites.site_entry import SiteEntry
from shared.sites.worker_record import Version

LONGEST_PUBLISHED: Final = 65_536
"""Bytes of what is published; longer texts are not read."""

PublicKey = Annotated[str, Field(max_length=64)]


class PublishedSite(BaseModel):
    """One site as its operators declared it; it has no secret."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, hide_input_in_errors=True
    )

    name: SiteName
    title: Annotated[str, Field(max_length=80)] = ""
    version: Version
    """That of the API."""
    sealing_public_keys: Annotated[tuple[PublicKey, ...], Field(max_length=2)]
    """What requests are sealed with now, and what they will be sealed with."""
    signing_public_key: PublicKey | None = None
    """What jobs are signed with now; None from an API that signs none."""
    egress: Annotated[tuple[Annotated[str, Field(max_length=50)], ...], Field(max_length=1000)] = ()
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

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """Return what a text says; None if the API has not written it."""
        if len(text) > LONGEST_PUBLISHED:
            return None
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    def text(self) -> str:
        """Return it as text."""
        return self.model_dump_json(by_alias=True)
