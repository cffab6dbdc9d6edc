"""TCP: which addresses may be connected to, the connection, and why it fails."""
