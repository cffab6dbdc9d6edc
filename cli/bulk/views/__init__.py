"""Show a bulk test in a terminal: what was read, how far it is, and what failed."""
