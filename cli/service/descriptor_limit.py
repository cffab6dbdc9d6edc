"""Raise the limit of file descriptors to what the system allows."""

import resource


def raise_descriptor_limit() -> None:
    """Raise the limit to what the system allows: each stream and each test needs a descriptor."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
