"""Single tests, in this process or on a service."""
