"""Recognize the format of an upload by its content."""
