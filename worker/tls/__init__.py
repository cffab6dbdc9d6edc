"""TLS: the handshake, the certificates, and what is wrong with them."""
