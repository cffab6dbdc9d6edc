"""Where an item takes its turn, as a text: the host and port, and the site unless the default one.

The same address is another host at another site.
"""

from shared.site_name import DEFAULT_SITE

_BETWEEN = " "  # in no host, and in no site's name


def turn_at(target: str, site: str) -> str:
    """Return the text for a target, which is empty for an item that takes no turns."""
    return target if site == DEFAULT_SITE else f"{target}{_BETWEEN}{site}"


def target_of(turn: str) -> str:
    """Return the target of `turn_at`."""
    return turn.partition(_BETWEEN)[0]


def site_of(turn: str) -> str:
    """Return the site of `turn_at`."""
    return turn.partition(_BETWEEN)[2] or DEFAULT_SITE
