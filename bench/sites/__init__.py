"""Measure what sites cost, and whether many of them stay busy."""
