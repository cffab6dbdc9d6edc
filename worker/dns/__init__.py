"""DNS: name lookups by the system, and queries to the name servers after a failure."""
