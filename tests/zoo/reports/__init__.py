"""Situations out of public reports, rebuilt in code of our own, each with its right verdict."""
