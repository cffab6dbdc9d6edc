"""Inspect certificates."""
