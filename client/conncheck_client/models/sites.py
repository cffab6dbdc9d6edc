"""The places that tests can be made from."""

from datetime import datetime
from typing import Literal

from conncheck_client.models.wire import AnswerModel


class SiteCanary(AnswerModel):
    """A host that answers whenever the site's own network works."""

    endpoint: str
    answering: int
    """Workers that it answered at their last look."""
    silent: int
    """Workers that it did not answer."""


class SiteNote(AnswerModel):
    """Something about a site that its operators should know."""

    code: str
    text: str


class Site(AnswerModel):
    """A place that tests can be made from, and how it is now."""

    name: str
    """The value of `Options.site`."""
    title: str
    labels: dict[str, str]
    egress: tuple[str, ...]
    """The public addresses and networks that platforms see its tests come from."""
    workers: dict[Literal["interactive", "bulk"] | str, int]
    """How many workers are alive, for single tests and for bulk tests."""
    versions: tuple[str, ...]
    waiting: int
    """Tests that no worker has begun."""
    running: int
    canaries: tuple[SiteCanary, ...]
    last_seen: datetime | None
    """When a worker was last alive; None if that is more than 30 days ago."""
    notes: tuple[SiteNote, ...]
    """What its operators should know."""


class Sites(AnswerModel):
    """The sites that the token may test from."""

    items: tuple[Site, ...]
