"""The rule of Redis' access control that confines the workers of a site to its keys."""

from shared.store.site_keys import SiteKeys

_COMMANDS = (
    "-@all +@connection +@read +@write +@transaction -@scripting +fcall +fcall_ro +subscribe "
    "+unsubscribe +psubscribe +punsubscribe +publish +time +wait -@dangerous -scan -randomkey "
    "-dbsize"
)
"""No scripts of their own, since a long one stalls everybody, and none that names others' keys."""


def acl_rule(site: str) -> str:
    """Return what follows the name of the user in `ACL SETUSER`, except its password."""
    prefix = SiteKeys.of(site).prefix
    return f"on resetkeys ~{prefix}* resetchannels &{prefix}* {_COMMANDS}"
