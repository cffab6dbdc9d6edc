"""Bulk tests: the platforms of a file."""
