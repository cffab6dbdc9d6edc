"""Measures what conncheck costs; prints tables, gates nothing."""
