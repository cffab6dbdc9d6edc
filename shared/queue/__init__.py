"""The queue between the API and the workers: its messages, its broker, what was taken of it."""
