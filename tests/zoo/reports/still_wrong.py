"""The situations that are not judged rightly yet, by name, with what is said of them instead."""

STILL_WRONG: dict[str, str] = {}
