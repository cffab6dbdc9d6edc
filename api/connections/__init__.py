"""What happens on a connection before there is a request: bytes are counted, and time runs."""
