"""Servers that speak like the products, for tests and for trying things by hand."""
