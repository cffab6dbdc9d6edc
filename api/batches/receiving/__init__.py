"""Receive uploads: read and judge their rows, and store the valid ones."""
