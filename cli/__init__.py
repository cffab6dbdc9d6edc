"""The front door for a terminal."""
