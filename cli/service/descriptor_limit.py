"""Take what the system allows."""

import resource


def raise_descriptor_limit() -> None:
    """Take as many file descriptors as the system allows: a stream or a test needs one each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
