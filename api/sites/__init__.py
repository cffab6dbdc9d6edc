"""The sites: what is told of them, and to whom."""
