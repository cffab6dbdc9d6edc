"""The results of a test: causes, outcomes, entries, and the report made of them."""
